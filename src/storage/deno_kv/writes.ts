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
  let [mutations, bytes, keyBytes] = ROOM;
  for (const unit of units) {
    const [unitBytes, unitKeyBytes] = sizeOf(unit);
    const isFull = mutations < unit.length || bytes < unitBytes || keyBytes < unitKeyBytes;
    if (isFull && part.length > 0) {
      part = [];
      parts.push(part);
      [mutations, bytes, keyBytes] = ROOM;
    }
    mutations -= unit.length;
    bytes -= unitBytes;
    keyBytes -= unitKeyBytes;
    for (const write of unit) part.push(write);
  }
  return parts;
}

/** What a commit has room for beside the key of the relay and leases: mutations, bytes, bytes of keys. */
const ROOM = [MAX_MUTATIONS - 1, MAX_TOTAL_BYTES - 8_192, MAX_TOTAL_KEY_BYTES - 2_048] as const;

function sizeOf(unit: Unit): [bytes: number, keyBytes: number] {
  let bytes = 0;
  let keyBytes = 0;
  for (const { key, value } of unit) {
    const size = keySize(key);
    keyBytes += size;
    bytes += value === undefined ? size : 2 * size + valueSize(value);
  }
  return [bytes, keyBytes];
}
