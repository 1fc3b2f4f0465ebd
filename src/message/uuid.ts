const HEX: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** Random bytes that are not used yet: to ask for many at once costs hardly more than to ask for ten. */
const POOL = new Uint8Array(10 * 128);
const place = { next: POOL.length };

/**
 * Creates a UUID of version 7 (RFC 9562): it sorts by `timeMs` and is random
 * in its last 74 bits.
 *
 * @param timeMs Milliseconds since the Unix epoch, a non-negative integer.
 */
export function uuidv7(timeMs: number): string {
  if (place.next === POOL.length) {
    crypto.getRandomValues(POOL);
    place.next = 0;
  }
  const at = place.next;
  place.next += 10;
  const hex = (n: number) => HEX[POOL[at + n] as number] as string;
  const time = timeMs.toString(16).padStart(12, "0");
  const version = HEX[0x70 | ((POOL[at] as number) & 0x0f)];
  const variant = HEX[0x80 | ((POOL[at + 2] as number) & 0x3f)];
  const last = hex(4) + hex(5) + hex(6) + hex(7) + hex(8) + hex(9);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(1)}-${variant}${hex(3)}-${last}`;
}
