import type { Envelope } from "../message/mod.ts";

/**
 * Over how many partitions the messages of a topic are spread: how many relays can share the work on
 * one. It is a constant, because two writers that disagree would tear a lane apart.
 */
export const PARTITIONS = 16;

/** The name of an envelope's lane: no other topic, key or message has it. With a key it starts with "=". */
export function laneOf({ topic, key, id }: Pick<Envelope, "topic" | "key" | "id">): string {
  // The length tells where the topic ends, whatever characters it and the key have.
  return key === undefined ? `#${topic.length}:${topic}${id}` : `=${topic.length}:${topic}${key}`;
}

/** The partition of a key: the same in every process, on every runtime, in every version. */
export function partitionOf(key: string): number {
  // FNV-1a over UTF-16 code units, whose low bits are mixed with the high ones at the end.
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  hash ^= hash >>> 16;
  return (Math.imul(hash, 0x45d9f3b) >>> 16) % PARTITIONS;
}

/** Any partition, for messages without a key. */
export function anyPartition(): number {
  return Math.floor(Math.random() * PARTITIONS);
}
