/** What decides which partition a record goes to. */
export interface Partitioner {
  /** The partition, among so many, of a record that is known by `identity`. */
  choose(identity: object, key: Uint8Array | null | undefined, partitions: number): number;
}

/**
 * Puts a record where Kafka's own client for Java puts it: by the murmur2 hash of its key. Records without
 * a key are spread one by one, and keep the partition that they had when a client tries again: otherwise
 * an idempotent client could take one for a copy of another.
 */
export function partitioner(): Partitioner {
  const chosen = new WeakMap<object, number>();
  let turn = Math.floor(Math.random() * 0x7fffffff);
  return {
    choose(identity, key, partitions) {
      if (key !== null && key !== undefined) return (murmur2(key) & 0x7fffffff) % partitions;
      const place = chosen.get(identity) ?? turn++;
      chosen.set(identity, place);
      return place % partitions;
    },
  };
}

const FACTOR = 0x5bd1e995;

/** The 32 bits of murmur2, with the seed of Kafka. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let hash = 0x9747b28c ^ length;
  const whole = length - length % 4;
  for (let at = 0; at < whole; at += 4) {
    let part = Math.imul(view.getInt32(at, true), FACTOR);
    part = Math.imul(part ^ (part >>> 24), FACTOR);
    hash = Math.imul(hash, FACTOR) ^ part;
  }
  if (length > whole) {
    for (let at = length - 1; at >= whole; at--) hash ^= view.getUint8(at) << (8 * (at - whole));
    hash = Math.imul(hash, FACTOR);
  }
  hash = Math.imul(hash ^ (hash >>> 13), FACTOR);
  return hash ^ (hash >>> 15);
}
