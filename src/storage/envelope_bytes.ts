import type { Envelope } from "../message/mod.ts";
import { SchemaVersionError } from "./storage_errors.ts";

/** What the bytes begin with: two that tell them from others', as no text in UTF-8 does, and the version. */
const MARK = [0xc0, 0x5c];
/** The version of the form. Whoever reads a newer one has to stop, as it would lose what it cannot read. */
const VERSION = 1;
const HEAD = MARK.length + 1;

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** The lengths of the attributes and of the body stand before them, in 4 bytes each. */
const LENGTHS = 8;

/** What an envelope has beside its body, in the order of the form; what is missing at the end is left out. */
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

/**
 * Makes bytes of envelopes, for a place that takes nothing else. Bodies stand in it as they are, the
 * rest as JSON.
 *
 * @throws {RangeError} If the time of one is none.
 */
export function encodeEnvelopes(envelopes: readonly Envelope[]): Uint8Array {
  const parts = envelopes.map((envelope) => ({
    attributes: encoder.encode(JSON.stringify(attributesOf(envelope))),
    body: envelope.body,
  }));
  const size = parts.reduce(
    (sum, { attributes, body }) => sum + LENGTHS + attributes.length + body.length,
    HEAD,
  );
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set([...MARK, VERSION]);
  let at = HEAD;
  for (const { attributes, body } of parts) {
    view.setUint32(at, attributes.length);
    view.setUint32(at + 4, body.length);
    bytes.set(attributes, at + LENGTHS);
    bytes.set(body, at + LENGTHS + attributes.length);
    at += LENGTHS + attributes.length + body.length;
  }
  return bytes;
}

/**
 * Makes envelopes of what {@linkcode encodeEnvelopes} has made. Their bodies are parts of the bytes.
 *
 * @throws {SchemaVersionError} If a newer version of this library has made them.
 * @throws {TypeError} If they were made by something else.
 */
export function decodeEnvelopes(bytes: Uint8Array): Envelope[] {
  const version = bytes[MARK.length] ?? 0;
  if (version === 0 || MARK.some((byte, at) => bytes[at] !== byte)) {
    throw new TypeError("Cannot read messages as the bytes hold none");
  }
  if (version > VERSION) throw new SchemaVersionError(version, VERSION);
  const envelopes: Envelope[] = [];
  for (let at = HEAD; at < bytes.length;) {
    const bodyAt = at + LENGTHS + lengthAt(bytes, at);
    const end = bodyAt + lengthAt(bytes, at + 4);
    if (end > bytes.length) throw new TypeError("Cannot read messages as the bytes are cut off");
    const attributes = JSON.parse(decoder.decode(bytes.subarray(at + LENGTHS, bodyAt)));
    envelopes.push(envelopeOf(attributes, bytes.subarray(bodyAt, end)));
    at = end;
  }
  return envelopes;
}

function attributesOf(envelope: Envelope): readonly unknown[] {
  const { id, type, topic, source, time, contentType, key = null, headers } = envelope;
  const { correlationId, causationId = null, traceparent = null, schemaVersion = null } = envelope;
  if (Number.isNaN(time.getTime())) {
    throw new RangeError("Cannot store a message as its time is none");
  }
  const attributes: Attributes = [
    id,
    type,
    topic,
    source,
    time.getTime(),
    contentType,
    key,
    Object.keys(headers).length === 0 ? null : headers,
    correlationId === id ? null : correlationId,
    causationId,
    traceparent,
    schemaVersion,
  ];
  return attributes.slice(0, attributes.findLastIndex((attribute) => attribute !== null) + 1);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  if (a === undefined || b === undefined || c === undefined || d === undefined) {
    throw new TypeError("Cannot read messages as the bytes are cut off");
  }
  return a * 0x1000000 + (b << 16) + (c << 8) + d;
}

function envelopeOf(attributes: unknown, body: Uint8Array): Envelope {
  if (!isAttributes(attributes)) {
    throw new TypeError("Cannot read a message as its attributes are none");
  }
  const [id, type, topic, source, timeMs, contentType, key, headers, ...rest] = attributes;
  const [correlationId, causationId, traceparent, schemaVersion] = rest;
  return {
    id,
    type,
    topic,
    source,
    time: new Date(timeMs),
    key: key ?? undefined,
    correlationId: correlationId ?? id,
    causationId: causationId ?? undefined,
    traceparent: traceparent ?? undefined,
    schemaVersion: schemaVersion ?? undefined,
    contentType,
    headers: headers ?? {},
    body,
  };
}

function isAttributes(value: unknown): value is Attributes {
  if (!Array.isArray(value)) return false;
  const [id, type, topic, source, timeMs, contentType, key, headers = null, ...rest] = value;
  return [id, type, topic, source, contentType].every((text) => typeof text === "string") &&
    Number.isFinite(new Date(timeMs).getTime()) &&
    [key, ...rest].every(isTextOrNothing) &&
    (headers === null || isTexts(headers));
}

function isTextOrNothing(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "string";
}

function isTexts(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string");
}
