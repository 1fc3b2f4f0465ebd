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

/** Of how many names the last values are kept. */
const MAX_NAMES = 1_000;

/** What Kafka adds to a record, at most. */
const OVERHEAD = 70;

/** Writes envelopes as records. */
export class RecordWriter {
  readonly #format: WireFormat;
  /** The last values of headers: most of them are the same in message after message. */
  readonly #last: Map<string, { readonly text: string; readonly bytes: Uint8Array }> = new Map();

  constructor(format: WireFormat) {
    this.#format = format;
  }

  /** Writes an envelope. */
  write(envelope: Envelope): OutgoingRecord {
    const { key, contentType, headers, body } = this.#format.write(envelope);
    const written: Record<string, Uint8Array> = {};
    let bytes = OVERHEAD + body.length;
    const add = (name: string, text: string) => {
      const value = this.#bytesOf(name, text);
      written[name] = value;
      bytes += name.length + value.length + 4;
    };
    for (const name in headers) if (Object.hasOwn(headers, name)) add(name, headers[name] ?? "");
    if (contentType !== undefined) add(CONTENT_TYPE, contentType);
    const keyBytes = key === undefined ? null : textBuffer(key);
    bytes += keyBytes?.length ?? 0;
    return { topic: envelope.topic, key: keyBytes, value: toBuffer(body), headers: written, bytes };
  }

  #bytesOf(name: string, text: string): Uint8Array {
    const last = this.#last.get(name);
    if (last?.text === text) return last.bytes;
    const bytes = textBuffer(text);
    if (last !== undefined || this.#last.size < MAX_NAMES) this.#last.set(name, { text, bytes });
    return bytes;
  }
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
