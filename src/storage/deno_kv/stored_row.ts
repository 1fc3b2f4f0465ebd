/**
 * A message as it is stored: these numbers, then its attributes as JSON, then its body unless that
 * has keys of its own.
 *
 * ```text
 *  0  1 byte   the version of this format
 *  1  4 bytes  how often it was tried and failed
 *  5  8 bytes  when it was stored, in milliseconds, by the clock of its writer
 * 13  2 bytes  how many keys its body has; 0 if it is here
 * 15  4 bytes  how many bytes its attributes have
 * ```
 *
 * @module
 */

import type { Envelope } from "../../message/mod.ts";
import { CHUNK_BYTES, MAX_ROW_BYTES } from "./limits.ts";
import { TransactionTooLargeError } from "./transaction_errors.ts";

const VERSION = 1;
const ATTEMPTS_AT = 1;
const STORED_AT = 5;
const CHUNKS_AT = 13;
const ATTRIBUTES_AT = 15;
const HEAD_BYTES = 19;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Makes what is stored of a message: the value of its key, and those of the keys of its body.
 *
 * @throws {TransactionTooLargeError} If its attributes are too large for a value.
 * @throws {RangeError} If its time is none.
 */
export function encodeRow(
  envelope: Envelope,
  storedAtMs: number,
): { readonly bytes: Uint8Array; readonly chunks: readonly Uint8Array[] } {
  const { body } = envelope;
  const attributes = encoder.encode(JSON.stringify(attributesOf(envelope)));
  const headBytes = HEAD_BYTES + attributes.length;
  if (headBytes > MAX_ROW_BYTES) {
    throw new TransactionTooLargeError("valueBytes", MAX_ROW_BYTES, { attempted: headBytes });
  }
  const isInline = headBytes + body.length <= MAX_ROW_BYTES;
  const bytes = new Uint8Array(headBytes + (isInline ? body.length : 0));
  const chunks: Uint8Array[] = [];
  if (isInline) bytes.set(body, headBytes);
  else for (let at = 0; at < body.length; at += CHUNK_BYTES) chunks.push(chunkAt(body, at));
  const view = viewOf(bytes);
  view.setUint8(0, VERSION);
  view.setFloat64(STORED_AT, storedAtMs);
  view.setUint16(CHUNKS_AT, chunks.length);
  view.setUint32(ATTRIBUTES_AT, attributes.length);
  bytes.set(attributes, HEAD_BYTES);
  return { bytes, chunks };
}

/** Whether a value may be a stored message, as far as its head tells. */
export function isRow(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= HEAD_BYTES && value[0] === VERSION;
}

/** The message of a row, without a body that has keys of its own; `undefined` if it makes no sense. */
export function envelopeIn(row: unknown): Envelope | undefined {
  if (!isRow(row)) return undefined;
  const end = HEAD_BYTES + uintAt(row, ATTRIBUTES_AT, 4);
  if (end > row.length) return undefined;
  const attributes = parse(row.subarray(HEAD_BYTES, end));
  return isAttributes(attributes) ? envelopeOf(attributes, row.subarray(end)) : undefined;
}

/** How often a row was tried and failed. */
export function attemptsIn(row: Uint8Array): number {
  return uintAt(row, ATTEMPTS_AT, 4);
}

/** How many keys the body of a row has; 0 if it is in the row. */
export function chunksIn(row: Uint8Array): number {
  return uintAt(row, CHUNKS_AT, 2);
}

/** When a row was stored. */
export function storedAtMsIn(row: Uint8Array): number {
  return viewOf(row).getFloat64(STORED_AT);
}

/** The row with another number of attempts. */
export function withAttempts(row: Uint8Array, attempts: number): Uint8Array {
  const copy = new Uint8Array(row);
  viewOf(copy).setUint32(ATTEMPTS_AT, attempts);
  return copy;
}

/** A number of so many bytes, up to 4; it is read so often that a view would cost more. */
export function uintAt(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let n = at; n < at + size; n++) value = value * 256 + (bytes[n] ?? 0);
  return value;
}

/** A copy, as a view would be stored with all that it is a view of. */
function chunkAt(body: Uint8Array, at: number): Uint8Array {
  return new Uint8Array(body.subarray(at, at + CHUNK_BYTES));
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The attributes in their order; what is missing at the end is left out. Another order is another version. */
type Attributes = readonly [
  id: string,
  type: string,
  topic: string,
  source: string,
  timeMs: number,
  contentType: string,
  key: string | null,
  headers: Readonly<Record<string, string>> | null,
  /** Null if it is the id, as it is for whatever begins a conversation. */
  correlationId: string | null,
  causationId: string | null,
  traceparent: string | null,
  schemaVersion: string | null,
];

function attributesOf(envelope: Envelope): readonly unknown[] {
  const { id, time, headers, correlationId } = envelope;
  const timeMs = time.getTime();
  if (Number.isNaN(timeMs)) {
    throw new RangeError(`Cannot store "${envelope.type}" as its time is no time`);
  }
  const attributes: Attributes = [
    id,
    envelope.type,
    envelope.topic,
    envelope.source,
    timeMs,
    envelope.contentType,
    envelope.key ?? null,
    Object.keys(headers).length === 0 ? null : headers,
    correlationId === id ? null : correlationId,
    envelope.causationId ?? null,
    envelope.traceparent ?? null,
    envelope.schemaVersion ?? null,
  ];
  return attributes.slice(0, attributes.findLastIndex((each) => each !== null) + 1);
}

function envelopeOf(attributes: Attributes, body: Uint8Array): Envelope {
  const [id, type, topic, source, timeMs, contentType, key, headers, correlationId] = attributes;
  return {
    id,
    type,
    topic,
    source,
    time: new Date(timeMs),
    key: key ?? undefined,
    correlationId: correlationId ?? id,
    causationId: attributes[9] ?? undefined,
    traceparent: attributes[10] ?? undefined,
    schemaVersion: attributes[11] ?? undefined,
    contentType,
    headers: headers ?? {},
    body,
  };
}

function parse(attributes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(attributes));
  } catch {
    return undefined;
  }
}

/** The attributes that must be there. */
const NEEDED = ["string", "string", "string", "string", "number", "string"];
const HEADERS = 7;

function isAttributes(value: unknown): value is Attributes {
  if (!Array.isArray(value) || value.length < NEEDED.length) return false;
  for (let n = 0; n < value.length; n++) {
    const part = value[n];
    const type: string = n === HEADERS && isHeaders(part) ? "string" : typeof part;
    const isMissing = n >= NEEDED.length && part === null;
    if (!isMissing && type !== (NEEDED[n] ?? "string")) return false;
  }
  return true;
}

function isHeaders(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string");
}
