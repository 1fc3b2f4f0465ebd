import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import { cloudEvents, type WireContext, type WireFormat, type WireMessage } from "../broker/mod.ts";

/** How often it was delivered before: a header that RabbitMQ adds. */
const DELIVERY_COUNT = "x-delivery-count";

/**
 * CloudEvents with the prefix that its binding to AMQP prefers; the one that it had before is understood
 * too.
 */
export function defaultFormat(): WireFormat {
  return cloudEvents({ prefix: "cloudEvents_", alsoReads: ["cloudEvents:"] });
}

/** The properties of a message on the wire. */
export function propertiesOf(
  { headers, contentType }: WireMessage,
  id: string,
  persistent: boolean,
): AMQPProperties {
  return {
    ...(contentType === undefined ? {} : { contentType }),
    headers,
    deliveryMode: persistent ? 2 : 1,
    messageId: id,
  };
}

/** What a delivery has brought. */
export function wireMessageOf({ properties, body }: AMQPMessage): WireMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (name !== DELIVERY_COUNT && value !== undefined && value !== null) {
      headers[name] = text(value);
    }
  }
  return {
    key: undefined,
    contentType: properties.contentType,
    headers,
    body: body ?? new Uint8Array(),
  };
}

/** What is known of a delivery beside its contents. */
export async function wireContextOf(message: AMQPMessage, topic: string): Promise<WireContext> {
  const { messageId, timestamp } = message.properties;
  return { topic, fallbackId: messageId ?? await digestOf(message), time: timestamp };
}

/** How often it has been delivered, with this time. */
export function deliveryCountOf({ properties, redelivered }: AMQPMessage): number | undefined {
  const before = properties.headers?.[DELIVERY_COUNT];
  if (before !== undefined) return Number(before) + 1;
  return redelivered ? undefined : 1;
}

/** RabbitMQ numbers deliveries, not messages; so one without an id is known by its bytes. */
async function digestOf({ body }: AMQPMessage): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(body ?? []));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function text(value: string | boolean | bigint | number | object): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object") return String(value);
  return JSON.stringify(value, (_key, part) => typeof part === "bigint" ? String(part) : part);
}
