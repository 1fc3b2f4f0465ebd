const HEX: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/**
 * Creates a UUID of version 7 (RFC 9562): it sorts by `timeMs` and is random
 * in its last 74 bits.
 *
 * @param timeMs Milliseconds since the Unix epoch, a non-negative integer.
 */
export function uuidv7(timeMs: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  const time = timeMs.toString(16).padStart(12, "0");
  let random = "";
  for (const byte of bytes) random += HEX[byte];
  const variant = HEX[0x80 | (Number.parseInt(random.slice(4, 6), 16) & 0x3f)];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${
    random.slice(6, 8)
  }-${random.slice(8)}`;
}
