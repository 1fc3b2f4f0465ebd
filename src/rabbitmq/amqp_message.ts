import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import { cloudEvents, type WireContext, type WireFormat, type WireMessage } from "../broker/mod.ts";

/** How often it was delivered before: a header that RabbitMQ adds. */
const DELIVERY_COUNT = "x-delivery-count";

/** The key, which AMQP has no place for. */
const PARTITION_KEY = "x-partition-key";

const PREFIX = "cloudEvents_";

/**
 * What an application may not send under these names: RabbitMQ closes the channel, and with it loses what
 * else is on its way, or says something of its own with them.
 */
const TAKEN: ReadonlySet<string> = new Set(["CC", "BCC", DELIVERY_COUNT, PARTITION_KEY]);

/**
 * CloudEvents with the prefix that its binding to AMQP prefers; the one that it had before is understood
 * too.
 */
export function defaultFormat(): WireFormat {
  return cloudEvents({ prefix: PREFIX, alsoReads: ["cloudEvents:"] });
}

/**
 * The properties of a message on the wire.
 *
 * @throws {TypeError} If the application has a header that means something to RabbitMQ.
 */
export function propertiesOf(
  { key, headers, contentType }: WireMessage,
  id: string,
  persistent: boolean,
): AMQPProperties {
  for (const name of Object.keys(headers)) {
    if (TAKEN.has(name)) throw new TypeError(`Cannot send the header "${name}" as RabbitMQ has it`);
  }
  const isSaid = key === undefined || headers[`${PREFIX}partitionkey`] === key;
  return {
    ...(contentType === undefined ? {} : { contentType }),
    headers: isSaid ? headers : { ...headers, [PARTITION_KEY]: key },
    deliveryMode: persistent ? 2 : 1,
    messageId: id,
  };
}

/** What a delivery has brought. */
export function wireMessageOf({ properties, body }: AMQPMessage): WireMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (!TAKEN.has(name) && value !== undefined && value !== null) headers[name] = text(value);
  }
  const key = properties.headers?.[PARTITION_KEY];
  return {
    key: typeof key === "string" ? key : undefined,
    contentType: properties.contentType,
    headers,
    body: body ?? new Uint8Array(),
  };
}

/** What is known of a delivery beside its contents. */
export async function wireContextOf(message: AMQPMessage, topic: string): Promise<WireContext> {
  const { messageId, timestamp } = message.properties;
  return { topic, fallbackId: messageId || await digestOf(message), time: timestamp };
}

/** How often it has been delivered, with this time. */
export function deliveryCountOf({ properties, redelivered }: AMQPMessage): number | undefined {
  const before = properties.headers?.[DELIVERY_COUNT];
  if (before !== undefined) return Number(before) + 1;
  return redelivered ? undefined : 1;
}

/** Whether a delivery brings again what an earlier one has brought. */
export function comesAgain(earlier: AMQPMessage, later: AMQPMessage): boolean {
  if (!later.redelivered || later.exchange !== earlier.exchange) return false;
  if (later.routingKey !== earlier.routingKey) return false;
  if (later.properties.messageId !== earlier.properties.messageId) return false;
  const [before, now] = [earlier.body ?? [], later.body ?? []];
  return before.length === now.length && before.every((byte, n) => byte === now[n]);
}

/**
 * RabbitMQ numbers deliveries, not messages; so one that brings no id is known by all that it is when it
 * goes to the dead letters.
 */
async function digestOf(message: AMQPMessage): Promise<string> {
  const { exchange, routingKey, properties } = message;
  const { headers = {}, ...others } = properties;
  const { [DELIVERY_COUNT]: _, ...lasting } = headers;
  const said = new TextEncoder().encode(text([exchange, routingKey, others, lasting]));
  const body = message.body ?? new Uint8Array();
  const parts = new Uint8Array(said.length + body.length);
  parts.set(said);
  parts.set(body, said.length);
  const digest = await crypto.subtle.digest("SHA-256", parts);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function text(value: string | boolean | bigint | number | object): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object") return String(value);
  return JSON.stringify(value, (_key, part) => typeof part === "bigint" ? String(part) : part);
}
