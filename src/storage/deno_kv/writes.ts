import type { DenoKvAtomic, DenoKvKey } from "./deno_kv.ts";
import { keySize } from "./key_size.ts";
import { MAX_MUTATIONS, MAX_TOTAL_BYTES, MAX_TOTAL_KEY_BYTES } from "./limits.ts";
import { valueSize } from "./value_size.ts";

/** Sets a key, or deletes it where there is no value. */
export interface Write {
  readonly key: DenoKvKey;
  readonly value?: unknown;
}

/** Writes that have to be done together. */
export type Unit = readonly Write[];

/** Puts writes into an atomic operation. */
export function addWrites(operation: DenoKvAtomic, writes: Iterable<Write>): void {
  for (const { key, value } of writes) {
    if (value === undefined) operation.delete(key);
    else operation.set(key, value);
  }
}

/**
 * Puts units into as few parts as the limits of a commit allow, in their order.
 *
 * @returns Parts that are to be committed one after the other. There is always one.
 */
export function partsOf(units: readonly Unit[]): Write[][] {
  let part: Write[] = [];
  const parts = [part];
  let room = new Room();
  for (const unit of units) {
    const next = room.after(unit);
    if (part.length > 0 && !next.isEnough) {
      part = [];
      parts.push(part);
      room = new Room().after(unit);
    } else {
      room = next;
    }
    for (const write of unit) part.push(write);
  }
  return parts;
}

/** What is left of a commit, beside what it needs for the key of the relay and for leases. */
class Room {
  #mutations = MAX_MUTATIONS - 1;
  #bytes = MAX_TOTAL_BYTES - 8_192;
  #keyBytes = MAX_TOTAL_KEY_BYTES - 2_048;

  get isEnough(): boolean {
    return this.#mutations >= 0 && this.#bytes >= 0 && this.#keyBytes >= 0;
  }

  /** What is left after more writes. */
  after(unit: Unit): Room {
    const room = new Room();
    room.#mutations = this.#mutations - unit.length;
    room.#bytes = this.#bytes;
    room.#keyBytes = this.#keyBytes;
    for (const { key, value } of unit) {
      const keyBytes = keySize(key);
      room.#keyBytes -= keyBytes;
      room.#bytes -= value === undefined ? keyBytes : 2 * keyBytes + valueSize(value);
    }
    return room;
  }
}
