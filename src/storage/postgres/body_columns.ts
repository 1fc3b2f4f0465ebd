import type { PostgresRow } from "./client.ts";

/** The columns of a body in a result, of the table `alias`: bytes in base 64, as that is read by far faster than hex. */
export function bodyColumns(alias: string): string {
  return `encode(${alias}.body, 'base64') as bytes, ${alias}.body_text as text`;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text that bytes are in UTF-8; undefined if they are none, or one that would not come back as it is:
 * Postgres takes no zero, and drivers drop a byte order mark.
 */
export function textOf(body: Uint8Array): string | undefined {
  if (body[0] === 0xef && body[1] === 0xbb || body.includes(0)) return undefined;
  try {
    return decoder.decode(body);
  } catch {
    return undefined;
  }
}

/**
 * The body of a row with the columns of {@linkcode bodyColumns}.
 *
 * @throws {TypeError} If it has none.
 */
export function bodyOf({ text, bytes }: PostgresRow): Uint8Array {
  if (typeof text === "string") return encoder.encode(text);
  if (typeof bytes !== "string") {
    throw new TypeError("Cannot read a stored message as it has no body");
  }
  return bytesOf(bytes);
}

/** The bytes of a text in base 64, as Postgres gives it. */
export function bytesOf(text: string): Uint8Array {
  const binary = atob(text); // which passes over the ends of lines
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < bytes.length; n++) bytes[n] = binary.charCodeAt(n);
  return bytes;
}
