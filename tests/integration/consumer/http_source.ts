import type { Delivery, Source, SubscribeOptions, Subscription } from "@sluice/cqrs/consumer";
import type { Step } from "../outbox/kill_points.ts";
import type { Asked, ServedMessage } from "./message_server.ts";

/** A source that reads a {@linkcode MessageServer}. Each call of it is a step. */
export function httpSource(url: string, step: Step): Source {
  async function call(asked: Asked, signal?: AbortSignal) {
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify(asked),
      ...(signal === undefined ? {} : { signal }),
    });
    return await response.json();
  }
  return {
    subscribe({ maxUnsettled = 1 }: SubscribeOptions): Subscription {
      const end = new AbortController();
      const opened = step(() => call({ call: "open", maxUnsettled }));
      async function next(): Promise<IteratorResult<Delivery, undefined>> {
        const { session } = await opened;
        const asked = step(() => call({ call: "next", session }, end.signal));
        const { message } = await asked.catch((error) => {
          if (end.signal.aborted) return {};
          throw error;
        });
        if (message === undefined) return { done: true, value: undefined };
        const ack = async () => {
          if (end.signal.aborted) return;
          await step(() => call({ call: "ack", session, id: message.id }));
        };
        return { value: deliveryOf(message, ack, end.signal) };
      }
      return {
        ready: opened.then(() => {}),
        [Symbol.asyncIterator]: () => ({ next }),
        [Symbol.asyncDispose]() {
          end.abort();
          return Promise.resolve();
        },
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}

function deliveryOf(
  { id, key, n, partition }: ServedMessage,
  ack: () => Promise<void>,
  signal: AbortSignal,
): Delivery {
  return {
    envelope: {
      id,
      type: "noted",
      topic: "notes",
      source: "/tests",
      time: new Date(0),
      key,
      correlationId: id,
      contentType: "application/json",
      headers: {},
      body: new TextEncoder().encode(JSON.stringify({ key, n })),
    },
    partition,
    position: id,
    signal,
    ack,
    nack: () => Promise.reject(new Error("The consumer rejects nothing")),
  };
}
