import {
  type Publisher,
  PublishError,
  type PublishResult,
  type WireFormat,
} from "../broker/mod.ts";
import type { Envelope } from "../message/mod.ts";
import { type OutgoingRecord, RecordWriter } from "./kafka_record.ts";
import { isRefusal } from "./refusal.ts";

/** What a client does for a publisher. */
export interface RecordSender {
  /**
   * Sends records of one topic in one request, and resolves when all are confirmed. It is not called
   * again before.
   */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  /** Releases what it has opened. */
  close(): Promise<void>;
}

/** A message that is to be sent, with its place among those of its call. */
interface Item {
  readonly index: number;
  readonly envelope: Envelope;
  readonly record: OutgoingRecord;
}

/** A publisher that sends requests one after the other, none larger than a broker takes. */
export function recordPublisher(
  sender: RecordSender,
  { format, maxRequestBytes }: { readonly format: WireFormat; readonly maxRequestBytes: number },
): Publisher {
  const writer = new RecordWriter(format);
  let last: Promise<unknown> = Promise.resolve();
  let isDisposed = false;
  return {
    keepsOrderOnFailure: true,
    async publish(messages, { signal } = {}): Promise<readonly PublishResult[]> {
      if (isDisposed) throw new TypeError("Cannot publish as the publisher is disposed of");
      signal?.throwIfAborted();
      if (messages.length === 0) return [];
      const call = new PublishCall(messages, writer);
      const turn = last.then(() => call.run(sender, maxRequestBytes, signal));
      last = turn.catch(() => {});
      return await call.resultOf(turn, signal);
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true;
      await last;
      await sender.close();
    },
  };
}

/** One call of `publish()`. */
class PublishCall {
  readonly #messages: readonly Envelope[];
  readonly #items: Item[] = [];
  readonly #results: (PublishResult | undefined)[];
  /** The keys, by topic, of which a message has failed: what stands behind it must wait. */
  readonly #stopped: Set<string> = new Set();

  constructor(messages: readonly Envelope[], writer: RecordWriter) {
    this.#messages = messages;
    this.#results = messages.map(() => undefined);
    for (const [index, envelope] of messages.entries()) {
      try {
        this.#items.push({ index, envelope, record: writer.write(envelope) });
      } catch (cause) {
        this.#fail({ index, envelope }, cause);
      }
    }
  }

  async run(sender: RecordSender, maxBytes: number, signal?: AbortSignal): Promise<void> {
    for (const request of requestsOf(this.#items, maxBytes)) {
      if (signal?.aborted) return;
      await this.#send(sender, request.filter((item) => this.#maySend(item)));
    }
  }

  /** The results when the call is done, or as they are when the signal aborts. */
  async resultOf(turn: Promise<void>, signal?: AbortSignal): Promise<readonly PublishResult[]> {
    const outcome = await settledOrAborted(turn, signal);
    const results = [...this.#results];
    // Nothing is known of any message.
    if (!outcome.ok && results.every((result) => result === undefined)) throw outcome.error;
    return results.map((result, index) => {
      const envelope = this.#messages[index];
      if (result !== undefined || envelope === undefined) return result ?? { ok: true };
      const cause = outcome.ok ? signal?.reason : outcome.error;
      return { ok: false, error: new PublishError(envelope, { cause }) };
    });
  }

  async #send(sender: RecordSender, items: readonly Item[]): Promise<void> {
    const [first] = items;
    if (first === undefined) return;
    try {
      await sender.send(first.record.topic, items.map(({ record }) => record));
      for (const { index } of items) this.#results[index] = { ok: true };
    } catch (cause) {
      if (!isRefusal(cause)) throw cause;
      if (items.length === 1) return this.#fail(first, cause);
      // The broker answers for the request, not for the record that it refuses.
      for (const item of items) if (this.#maySend(item)) await this.#send(sender, [item]);
    }
  }

  #maySend({ index, envelope }: Item): boolean {
    if (this.#results[index] !== undefined) return false;
    if (this.#stopped.size === 0 || !this.#stopped.has(laneOf(envelope))) return true;
    this.#fail({ index, envelope }, new TypeError("One of the same key before it has failed"));
    return false;
  }

  #fail({ index, envelope }: Pick<Item, "index" | "envelope">, cause: unknown): void {
    this.#results[index] = { ok: false, error: new PublishError(envelope, { cause }) };
    if (envelope.key !== undefined) this.#stopped.add(laneOf(envelope));
  }
}

function laneOf({ topic, key }: Envelope): string {
  return JSON.stringify([topic, key]);
}

/** Divides items by topic, and by how much a broker takes at once. */
function requestsOf(items: readonly Item[], maxBytes: number): Item[][] {
  const requests: Item[][] = [];
  const open = new Map<string, { items: Item[]; bytes: number }>();
  for (const item of items) {
    const { topic, bytes } = item.record;
    const request = open.get(topic);
    if (request === undefined || request.bytes + bytes > maxBytes) {
      const next = { items: [item], bytes };
      requests.push(next.items);
      open.set(topic, next);
    } else {
      request.items.push(item);
      request.bytes += bytes;
    }
  }
  return requests;
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

/** How a promise ends, or that a signal has aborted before. */
function settledOrAborted(turn: Promise<unknown>, signal?: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const onAbort = () => resolve({ ok: false, error: signal?.reason });
    const end = (outcome: Outcome) => {
      signal?.removeEventListener("abort", onAbort);
      resolve(outcome);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    turn.then(() => end({ ok: true }), (error: unknown) => end({ ok: false, error }));
  });
}
