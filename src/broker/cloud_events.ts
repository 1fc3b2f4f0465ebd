import type { Envelope } from "../message/mod.ts";
import { type HeaderText, httpText, plainText } from "./header_text.ts";
import { type CloudEvent, isStructured, readStructured } from "./structured_event.ts";
import { asItCame, type WireContext, type WireFormat, type WireMessage } from "./wire_format.ts";

/** How {@linkcode cloudEvents} names things. */
export interface CloudEventsOptions {
  /**
   * What the names of attributes begin with where they are headers: `ce_` is that of the Kafka binding,
   * `cloudEvents_` and `cloudEvents:` those of the AMQP binding, `ce-` that of HTTP, where values are
   * percent-encoded. Empty is refused with a `TypeError`.
   */
  readonly prefix: string;
  /** Other beginnings that are understood when messages are read. @default {[]} */
  readonly alsoReads?: readonly string[];
}

const SPEC_VERSION = "1.0";

const HTTP_PREFIX = "ce-";

/** The optional attributes that have a field of their own in an envelope. */
const OPTIONAL: readonly (readonly [
  string,
  "key" | "correlationId" | "causationId" | "traceparent" | "schemaVersion",
])[] = [
  ["partitionkey", "key"],
  ["correlationid", "correlationId"],
  ["causationid", "causationId"],
  ["traceparent", "traceparent"],
  ["schemaversion", "schemaVersion"],
];

/** All that an envelope has a field for. */
const RESERVED: ReadonlySet<string> = new Set([
  ...["specversion", "id", "source", "type", "time", "datacontenttype"],
  ...OPTIONAL.map(([name]) => name),
]);

/**
 * The binary mode of CloudEvents 1.0: the body as the codec made it, and each attribute in a header.
 * Headers of the application's own stay beside them, and so do attributes that an envelope has no field
 * for, under their names on the wire.
 *
 * Beside the attributes of the specification and its extensions `partitionkey` and `traceparent` it has
 * `correlationid`, `causationid` and `schemaversion`.
 *
 * Reading understands the structured mode too, where a body of `application/cloudevents+json` holds the
 * attributes; batches and other formats than JSON are refused. The case of names of headers does not
 * matter.
 *
 * Writing throws a `TypeError` if a header of the application's own has the name of an attribute. Reading
 * throws one if a required attribute is missing or empty, if the version is not 1.0, or if the time is not
 * as RFC 3339 has it. A message that could not be read and is published once more, to a topic of dead
 * letters, is written as it came.
 *
 * @throws {TypeError} If a prefix is empty.
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
  if (prefixes.includes("")) {
    throw new TypeError("Cannot tell attributes from other headers as a prefix is empty");
  }
  return {
    write: (envelope) => asItCame(envelope) ?? write(envelope, prefix),
    read(message, context) {
      const event = isStructured(message.contentType)
        ? readStructured(message.contentType, message.body)
        : readBinary(message, prefixes);
      return envelopeOf(event, { message, context, prefixes });
    },
  };
}

function textOf(prefix: string): HeaderText {
  return prefix === HTTP_PREFIX ? httpText : plainText;
}

function write(envelope: Envelope, prefix: string): WireMessage {
  const text = textOf(prefix);
  const headers: Record<string, string> = {
    [`${prefix}specversion`]: SPEC_VERSION,
    [`${prefix}id`]: text.write(envelope.id),
    [`${prefix}source`]: text.write(envelope.source),
    [`${prefix}type`]: text.write(envelope.type),
    [`${prefix}time`]: envelope.time.toISOString(),
  };
  for (const [name, field] of OPTIONAL) {
    const value = envelope[field];
    // No attribute may be empty.
    if (value) headers[prefix + name] = text.write(value);
  }
  for (const [name, value] of Object.entries(envelope.headers)) {
    const attribute = attributeOf(name, prefix);
    if (attribute === undefined) headers[name] = value;
    else if (!RESERVED.has(attribute)) headers[name] = text.write(value);
    else throw new TypeError(`Cannot send the header "${name}" as CloudEvents has it`);
  }
  return { key: envelope.key, contentType: envelope.contentType, headers, body: envelope.body };
}

/** The name of the attribute that a header holds. Where headers have no case, neither have they. */
function attributeOf(header: string, prefix: string): string | undefined {
  const name = header.toLowerCase();
  return name.startsWith(prefix.toLowerCase()) ? name.slice(prefix.length) : undefined;
}

function readBinary({ headers, contentType, body }: WireMessage, prefixes: readonly string[]) {
  const events = prefixes.map((prefix) => {
    const text = textOf(prefix);
    const attributes = new Map<string, string>();
    for (const [header, value] of Object.entries(headers)) {
      const name = attributeOf(header, prefix);
      if (name !== undefined) attributes.set(name, text.read(value));
    }
    return attributes;
  });
  const attributes = events.find((each) => each.has("specversion")) ?? new Map<string, string>();
  // Binary mode has it in the header of the media type, but some senders have it here too.
  const fallback = attributes.get("datacontenttype");
  attributes.delete("datacontenttype");
  return { attributes, contentType: contentType ?? fallback, body };
}

function envelopeOf(
  { attributes, contentType = "application/octet-stream", body }: CloudEvent,
  { message, context, prefixes }: {
    readonly message: WireMessage;
    readonly context: WireContext;
    readonly prefixes: readonly string[];
  },
): Envelope {
  const [prefix = ""] = prefixes;
  requireVersion(attributes.get("specversion"));
  const optional = (name: string) => attributes.get(name) || undefined;
  const headers: Record<string, string> = {};
  for (const [header, value] of Object.entries(message.headers)) {
    if (prefixes.every((each) => attributeOf(header, each) === undefined)) headers[header] = value;
  }
  for (const [name, value] of attributes) {
    if (!RESERVED.has(name)) headers[prefix + name] = value;
  }
  const id = required("id", attributes);
  return {
    id,
    type: required("type", attributes),
    topic: context.topic,
    source: required("source", attributes),
    time: timeOf(optional("time")) ?? context.time ?? new Date(0),
    key: optional("partitionkey") ?? message.key,
    correlationId: optional("correlationid") ?? id,
    causationId: optional("causationid"),
    traceparent: optional("traceparent"),
    schemaVersion: optional("schemaversion"),
    contentType,
    headers,
    body,
  };
}

function requireVersion(version: string | undefined): void {
  if (version === SPEC_VERSION) return;
  throw new TypeError(
    version === undefined
      ? "Cannot read a message without the attributes of CloudEvents"
      : `Cannot read a message of CloudEvents "${version}"`,
  );
}

function required(name: string, attributes: ReadonlyMap<string, string>): string {
  const value = attributes.get(name);
  if (!value) throw new TypeError(`Cannot read a message without the attribute "${name}"`);
  return value;
}

/** RFC 3339. Without an offset a date would mean another time on each machine. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const upper = text.toUpperCase();
  const time = new Date(TIME.test(upper) ? upper : NaN);
  if (Number.isNaN(time.getTime())) throw new TypeError(`Cannot read the time "${text}"`);
  return time;
}
