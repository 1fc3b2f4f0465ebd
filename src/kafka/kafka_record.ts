import { unreadEnvelope, type WireFormat, type WireMessage } from "../broker/mod.ts";
import type { Envelope } from "../message/mod.ts";
import { textBuffer, toBuffer } from "./buffers.ts";

/** A message as the clients send it: in the bytes that they want. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  /** About how many bytes it takes in a batch. */
  readonly bytes: number;
}

/** A message as the clients have read it. */
export interface IncomingRecord {
  readonly offset: bigint;
  readonly key: Uint8Array | null | undefined;
  readonly value: Uint8Array | null | undefined;
  readonly headers: Iterable<readonly [string, Uint8Array | undefined]>;
  /** When it was sent, or taken, as the topic is configured. */
  readonly timestampMs: number;
}

const CONTENT_TYPE = "content-type";

/** What Kafka adds to a record, at most. */
const OVERHEAD = 70;

/** Writes an envelope as a record. */
export function toRecord(envelope: Envelope, format: WireFormat): OutgoingRecord {
  const { key, contentType, headers, body } = format.write(envelope);
  const written: Record<string, Uint8Array> = {};
  let bytes = OVERHEAD + body.length;
  const all = contentType === undefined ? headers : { ...headers, [CONTENT_TYPE]: contentType };
  for (const [name, text] of Object.entries(all)) {
    const value = textBuffer(text);
    written[name] = value;
    bytes += name.length + value.length + 4;
  }
  const keyBytes = key === undefined ? null : textBuffer(key);
  bytes += keyBytes?.length ?? 0;
  return { topic: envelope.topic, key: keyBytes, value: toBuffer(body), headers: written, bytes };
}

/** What a record holds, and why it cannot be read, if so. */
export function readRecord(
  record: IncomingRecord,
  { topic, position, format }: {
    readonly topic: string;
    readonly position: string;
    readonly format: WireFormat;
  },
): { readonly envelope: Envelope; readonly error?: unknown } {
  const message = toWireMessage(record);
  const context = { topic, fallbackId: position, time: new Date(record.timestampMs) };
  try {
    return { envelope: format.read(message, context) };
  } catch (error) {
    return { envelope: unreadEnvelope(message, context), error };
  }
}

function toWireMessage({ key, value, headers }: IncomingRecord): WireMessage {
  const decoder = new TextDecoder();
  const texts: Record<string, string> = {};
  for (const [name, bytes] of headers) texts[name] = decoder.decode(bytes);
  const { [CONTENT_TYPE]: contentType, ...others } = texts;
  return {
    key: key === null || key === undefined ? undefined : decoder.decode(key),
    contentType,
    headers: others,
    // A view without what a client's own kind of bytes does differently.
    body: value
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(),
  };
}
