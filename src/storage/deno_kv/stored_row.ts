import type { Envelope } from "../../message/mod.ts";
import { CHUNK_BYTES, MAX_ROW_BYTES } from "./limits.ts";
import { TransactionTooLargeError } from "./transaction_errors.ts";

/**
 * A message as it is stored: these numbers, then its attributes as JSON, then its body unless that
 * has keys of its own.
 *
 * ```text
 *  0  1 byte   the version of this format
 *  1  4 bytes  how often it was tried and failed
 *  5  8 bytes  when it was stored, in milliseconds
 * 13  2 bytes  how many keys its body has; 0 if it is here
 * 15  4 bytes  how many bytes its attributes have
 * ```
 */
export interface StoredRow {
  /** How often it was tried and failed. */
  readonly attempts: number;
  /** When it was stored, by the clock of its writer. */
  readonly storedAtMs: number;
  /** How many keys its body has; 0 if it is in the envelope. */
  readonly chunks: number;
  /** The message. */
  readonly envelope: Envelope;
}

const VERSION = 1;
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
  view.setFloat64(5, storedAtMs);
  view.setUint16(13, chunks.length);
  view.setUint32(15, attributes.length);
  bytes.set(attributes, HEAD_BYTES);
  return { bytes, chunks };
}

/** Reads what is stored; `undefined` if it makes no sense. */
export function decodeRow(bytes: unknown): StoredRow | undefined {
  if (!isRow(bytes)) return undefined;
  const view = viewOf(bytes);
  const end = HEAD_BYTES + view.getUint32(15);
  if (end > bytes.length) return undefined;
  const envelope = envelopeOf(bytes.subarray(HEAD_BYTES, end), bytes.subarray(end));
  return envelope && {
    attempts: view.getUint32(1),
    storedAtMs: view.getFloat64(5),
    chunks: view.getUint16(13),
    envelope,
  };
}

/** When a row was stored, and how many keys its body has, without reading more of it. */
export function peekRow(bytes: unknown): Pick<StoredRow, "storedAtMs" | "chunks"> | undefined {
  if (!isRow(bytes)) return undefined;
  const view = viewOf(bytes);
  return { storedAtMs: view.getFloat64(5), chunks: view.getUint16(13) };
}

/** The row with another number of attempts. */
export function withAttempts(bytes: Uint8Array, attempts: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  viewOf(copy).setUint32(1, attempts);
  return copy;
}

function isRow(bytes: unknown): bytes is Uint8Array {
  return bytes instanceof Uint8Array && bytes.length >= HEAD_BYTES && bytes[0] === VERSION;
}

/** A copy, as a view would be stored with all that it is a view of. */
function chunkAt(body: Uint8Array, at: number): Uint8Array {
  return new Uint8Array(body.subarray(at, at + CHUNK_BYTES));
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** In this order; another one is another version. */
function attributesOf(envelope: Envelope): readonly unknown[] {
  const timeMs = envelope.time.getTime();
  if (Number.isNaN(timeMs)) {
    throw new RangeError(`Cannot store "${envelope.type}" as its time is no time`);
  }
  return [
    envelope.id,
    envelope.type,
    envelope.topic,
    envelope.source,
    timeMs,
    envelope.correlationId,
    envelope.contentType,
    envelope.headers,
    envelope.key ?? null,
    envelope.causationId ?? null,
    envelope.traceparent ?? null,
    envelope.schemaVersion ?? null,
  ];
}

function envelopeOf(attributes: Uint8Array, body: Uint8Array): Envelope | undefined {
  const parts = parse(attributes);
  if (parts === undefined) return undefined;
  const [id, type, topic, source, timeMs, correlationId, contentType, headers] = parts;
  const needed = [id, type, topic, source, correlationId, contentType];
  if (!needed.every(isText) || typeof timeMs !== "number" || !isHeaders(headers)) return undefined;
  const options = parts.slice(8);
  if (!options.every((option) => option === null || isText(option))) return undefined;
  const [key, causationId, traceparent, schemaVersion] = options.map((each) => each ?? undefined);
  return {
    id,
    type,
    topic,
    source,
    time: new Date(timeMs),
    key,
    correlationId,
    causationId,
    traceparent,
    schemaVersion,
    contentType,
    headers,
    body,
  } as Envelope;
}

function parse(attributes: Uint8Array): readonly unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(decoder.decode(attributes));
    return Array.isArray(parts) && parts.length === 12 ? parts : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isHeaders(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && Object.values(value).every(isText);
}
