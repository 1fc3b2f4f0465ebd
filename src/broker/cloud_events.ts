import type { Envelope } from "../message/mod.ts";
import type { WireContext, WireFormat, WireMessage } from "./wire_format.ts";

/** How {@linkcode cloudEvents} names things. */
export interface CloudEventsOptions {
  /**
   * What the names of attributes begin with where they are headers: `ce_` is that of the Kafka binding,
   * `cloudEvents_` and `cloudEvents:` those of the AMQP binding, `ce-` that of HTTP.
   */
  readonly prefix: string;
  /** Other beginnings that are understood when messages are read. @default {[]} */
  readonly alsoReads?: readonly string[];
}

const SPEC_VERSION = "1.0";

/** The attributes that have a field of their own in an envelope. Their names are those of CloudEvents. */
const OPTIONAL = {
  partitionkey: "key",
  correlationid: "correlationId",
  causationid: "causationId",
  traceparent: "traceparent",
  schemaversion: "schemaVersion",
} as const satisfies Record<string, keyof Envelope>;

/**
 * The binary mode of CloudEvents 1.0: the body as the codec made it, and each attribute in a header.
 * Headers of the application's own stay beside them, and so do attributes that an envelope has no field
 * for, under their names on the wire.
 *
 * Beside the attributes of the specification and its extensions `partitionkey` and `traceparent` it has
 * `correlationid`, `causationid` and `schemaversion`.
 *
 * Writing throws a `TypeError` if a header of the application's own has the name of an attribute. Reading throws one if
 * a required attribute is missing, or the time or the version makes no sense.
 *
 * @example What is on the wire
 * ```ts
 * import { jsonCodec, notification, toEnvelope, type } from "@sluice/cqrs";
 * import { cloudEvents } from "@sluice/cqrs/consumer";
 * import assert from "node:assert/strict";
 *
 * const Noted = notification("noted", { topic: "notes", data: type<{ text: string }>() });
 * const envelope = await toEnvelope(Noted({ text: "milk" }), { codec: jsonCodec(), source: "/notes" });
 * const format = cloudEvents({ prefix: "ce_" });
 * const message = format.write(envelope);
 * assert.equal(message.headers["ce_type"], "noted");
 * const read = format.read(message, { topic: "notes", fallbackId: "notes/0/1", time: undefined });
 * assert.deepEqual(read, envelope);
 * ```
 */
export function cloudEvents({ prefix, alsoReads = [] }: CloudEventsOptions): WireFormat {
  const prefixes = [prefix, ...alsoReads];
  return {
    write: (envelope) => write(envelope, prefix),
    read(message, context) {
      const found = prefixes.find((each) => `${each}specversion` in message.headers) ?? prefix;
      return read(message, context, found);
    },
  };
}

function write(envelope: Envelope, prefix: string): WireMessage {
  const headers: Record<string, string> = {
    [`${prefix}specversion`]: SPEC_VERSION,
    [`${prefix}id`]: envelope.id,
    [`${prefix}source`]: envelope.source,
    [`${prefix}type`]: envelope.type,
    [`${prefix}time`]: envelope.time.toISOString(),
  };
  for (const [name, field] of Object.entries(OPTIONAL)) {
    const value = envelope[field];
    if (value !== undefined) headers[prefix + name] = value;
  }
  for (const [name, value] of Object.entries(envelope.headers)) {
    if (Object.hasOwn(headers, name)) {
      throw new TypeError(`Cannot send the header "${name}" as CloudEvents has it`);
    }
    headers[name] = value;
  }
  return { key: envelope.key, contentType: envelope.contentType, headers, body: envelope.body };
}

function read(message: WireMessage, context: WireContext, prefix: string): Envelope {
  const { contentType = "application/octet-stream", body } = message;
  const attributes: Record<string, string> = {};
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (name.startsWith(prefix)) attributes[name.slice(prefix.length)] = value;
    else headers[name] = value;
  }
  const { specversion, id, source, type, time, ...extensions } = attributes;
  if (specversion !== SPEC_VERSION) {
    throw new TypeError(
      `Cannot read a message of CloudEvents ${specversion ?? "without a version"}`,
    );
  }
  const fields: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(extensions)) {
    const field: string | undefined = Object.hasOwn(OPTIONAL, name)
      ? OPTIONAL[name as keyof typeof OPTIONAL]
      : undefined;
    if (field === undefined) headers[prefix + name] = value;
    else fields[field] = value;
  }
  const knownId = required("id", id);
  return {
    id: knownId,
    type: required("type", type),
    topic: context.topic,
    source: required("source", source),
    time: timeOf(time) ?? context.time ?? new Date(0),
    key: fields.key ?? message.key,
    correlationId: fields.correlationId ?? knownId,
    causationId: fields.causationId,
    traceparent: fields.traceparent,
    schemaVersion: fields.schemaVersion,
    contentType,
    headers,
    body,
  };
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) {
    throw new TypeError(`Cannot read a message without the attribute "${name}"`);
  }
  return value;
}

function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new TypeError(`Cannot read the time "${text}"`);
  return time;
}
