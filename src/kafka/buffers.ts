import { Buffer } from "node:buffer";

/**
 * The same bytes as what both clients want. kafkajs takes any other `Uint8Array` for an object, and sends
 * its text: the bytes 1, 255, 3 would arrive as "1,25".
 */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A text as bytes. */
export function textBuffer(text: string): Buffer {
  return Buffer.from(text, "utf8");
}
