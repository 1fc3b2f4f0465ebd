/** How many bytes are allocated at a time. */
const SLAB_BYTES = 65_536;

/**
 * Copies bytes. Small ones share their memory with others that are copied at about the same time, as
 * memory of its own costs more than the copy.
 */
export class ByteCopies {
  #slab: Uint8Array = new Uint8Array(0);
  #used = 0;

  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > SLAB_BYTES / 8) return new Uint8Array(bytes);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + length);
    copy.set(bytes);
    this.#used += length;
    return copy;
  }
}
