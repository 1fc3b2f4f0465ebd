import type { Delivery, Publisher, Subscription } from "../broker/mod.ts";
import type { Envelope } from "../message/mod.ts";
import { ConformanceError } from "./conformance_case.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message with as little as a message can have. */
export function plainMessage(topic: string, text: string, key?: string): Envelope {
  const id = crypto.randomUUID();
  return {
    id,
    type: "noted",
    topic,
    source: "/cases",
    time: new Date("2026-11-28T12:34:56.789Z"),
    ...(key === undefined ? {} : { key }),
    correlationId: id,
    contentType: "text/plain",
    headers: {},
    body: encoder.encode(text),
  };
}

/** A message that has everything, and bytes that are no text. */
export function fullMessage(topic: string): Envelope {
  return {
    ...plainMessage(topic, "", "größe 🗝"),
    type: "notiert.ä",
    correlationId: "conversation 1",
    causationId: "cause 1",
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    schemaVersion: "3",
    contentType: "application/octet-stream",
    headers: { "x-tenant": "größe 🔑", empty: "" },
    body: new Uint8Array([0, 1, 255, 3, 128, 10, 13, 0]),
  };
}

/** What the body of a delivery says. */
export function textOf({ envelope }: Delivery): string {
  return decoder.decode(envelope.body);
}

/** Publishes messages that a broker is expected to take. */
export async function publishAll(
  publisher: Publisher,
  messages: readonly Envelope[],
): Promise<void> {
  const results = await publisher.publish(messages);
  if (results.length !== messages.length) {
    throw new ConformanceError(`publish() gave ${results.length} results of ${messages.length}`);
  }
  for (const result of results) if (!result.ok) throw result.error;
}

/** Takes so many deliveries of a subscription. */
export async function take(subscription: Subscription, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  const iterator = subscription[Symbol.asyncIterator]();
  while (taken.length < count) {
    const { done, value } = await iterator.next();
    if (done) throw new ConformanceError(`The subscription ended after ${taken.length} deliveries`);
    taken.push(value);
  }
  return taken;
}

/** Takes so many deliveries, and acknowledges each before the next. */
export async function takeAndAck(subscription: Subscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    for (const delivery of await take(subscription, 1)) {
      texts.push(textOf(delivery));
      await delivery.ack();
    }
  }
  return texts;
}
