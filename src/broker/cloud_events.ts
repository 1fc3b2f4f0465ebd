import type { Envelope } from "../message/mod.ts";
import { envelopeOf, OPTIONAL, RESERVED, SPEC_VERSION } from "./cloud_event_envelope.ts";
import { type HeaderText, httpText, plainText } from "./header_text.ts";
import { type CloudEvent, isStructured, readStructured } from "./structured_event.ts";
import { asItCame, type WireFormat, type WireMessage } from "./wire_format.ts";

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

const HTTP_PREFIX = "ce-";

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
      const { found, others } = attributesIn(message.headers, prefixes);
      const event = isStructured(message.contentType)
        ? readStructured(message.contentType, message.body)
        : binary(message, found);
      const unknown: Record<string, string> = {};
      for (const [name, value] of event.attributes) {
        if (!RESERVED.has(name)) unknown[prefix + name] = value;
      }
      return envelopeOf(event, { context, key: message.key, headers: { ...others, ...unknown } });
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

/** The name of the attribute that a header holds. Case does not matter, as with HTTP. */
function attributeOf(header: string, prefix: string): string | undefined {
  const start = header.slice(0, prefix.length);
  if (start !== prefix && start.toLowerCase() !== prefix.toLowerCase()) return undefined;
  return header.slice(prefix.length).toLowerCase();
}

/** Divides headers into the attributes under the prefix that is used, and those that are none. */
function attributesIn(headers: WireMessage["headers"], prefixes: readonly string[]) {
  const sets = prefixes.map((prefix) => ({
    prefix,
    text: textOf(prefix),
    attributes: new Map<string, string>(),
  }));
  const others: Record<string, string> = {};
  for (const [header, value] of Object.entries(headers)) {
    let isAttribute = false;
    for (const { prefix, text, attributes } of sets) {
      const name = attributeOf(header, prefix);
      if (name === undefined) continue;
      attributes.set(name, text.read(value));
      isAttribute = true;
    }
    if (!isAttribute) others[header] = value;
  }
  const used = sets.find(({ attributes }) => attributes.has("specversion"));
  return { found: used?.attributes ?? new Map<string, string>(), others };
}

function binary({ contentType, body }: WireMessage, attributes: Map<string, string>): CloudEvent {
  // The media type has a header of its own, but some senders have it here too.
  return { attributes, contentType: contentType ?? attributes.get("datacontenttype"), body };
}
