import { type AMQPBaseClient, type AMQPChannel, AMQPClient } from "@cloudamqp/amqp-client";
import { sleep } from "../clock.ts";
import type { ConnectSettings } from "./connect_options.ts";

/** A connection that is made when it is needed, and made again after it was lost. */
export class Link {
  readonly #settings: ConnectSettings;
  #client: Promise<AMQPBaseClient> | undefined;
  #open: AMQPBaseClient | undefined;
  #failures = 0;
  readonly #closed = new AbortController();
  /** Who is to be told when a connection is lost. */
  readonly #waiting: WeakMap<AMQPBaseClient, Set<(reason: unknown) => void>> = new WeakMap();

  constructor(settings: ConnectSettings) {
    this.#settings = settings;
  }

  /** Resolves to the client, connected. After failures it waits before it tries again, once. */
  client(): Promise<AMQPBaseClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /** Opens a channel. */
  async channel(): Promise<AMQPChannel> {
    const client = await this.client();
    return await this.answer(client, client.channel());
  }

  /**
   * Resolves to what the server answers, and rejects when the connection is lost. Without an answer in time
   * the connection is given up, as a server that is stuck does not get any further on a channel.
   */
  async answer<T>(client: AMQPBaseClient, asked: Promise<T>): Promise<T> {
    return await this.#inTime(
      this.whileOpen(client, asked),
      (error) => this.#giveUp(client, error),
    );
  }

  /** Whether the connection of a client is the one that is there. */
  isOpen(client: AMQPBaseClient): boolean {
    return this.#open === client;
  }

  /**
   * Resolves as a promise does, and rejects when the connection is lost: the client itself forgets some of
   * what waits for an answer then.
   */
  async whileOpen<T>(client: AMQPBaseClient, asked: Promise<T>): Promise<T> {
    const waiting = this.#waiting.get(client);
    const { promise, reject } = Promise.withResolvers<never>();
    if (waiting === undefined || !this.isOpen(client)) {
      asked.catch(() => {});
      throw new TypeError("Cannot go on as the connection is lost");
    }
    // And not one promise for all, which would keep what has waited as long as it is there.
    waiting.add(reject);
    try {
      return await Promise.race([asked, promise]);
    } finally {
      waiting.delete(reject);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort(new TypeError("Cannot connect as it has been disposed of"));
    const client = await this.#client?.catch(() => undefined);
    if (client === undefined || client.closed) return;
    await this.#inTime(closeClient(client), () => destroy(client)).catch(() => {});
  }

  async #connect(): Promise<AMQPBaseClient> {
    const { create, backoff, clock, report } = this.#settings;
    const { signal } = this.#closed;
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => {});
    const onClose = () => closed.reject(signal.reason);
    signal.addEventListener("abort", onClose);
    try {
      if (this.#failures > 0) await sleep(clock, backoff(this.#failures), signal);
      signal.throwIfAborted();
      const client = create();
      settleSendsAtOnce(client);
      bindRefusal(client);
      this.#watch(client);
      const connected = client.connect();
      // Otherwise a confirmation waits for the acknowledgement of TCP, which is delayed by 40 ms.
      if (client instanceof AMQPClient) client.socket?.setNoDelay(true);
      await this.#inTime(Promise.race([connected, closed.promise])).catch((error) => {
        destroy(client);
        throw error;
      });
      this.#failures = 0;
      this.#open = client;
      return client;
    } catch (error) {
      this.#failures++;
      this.#client = undefined;
      if (!signal.aborted) report(error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onClose);
    }
  }

  async #inTime<T>(asked: Promise<T>, otherwise?: (error: unknown) => void): Promise<T> {
    const { clock, answerTimeoutMs } = this.#settings;
    const late = Promise.withResolvers<never>();
    const cancel = clock.setTimer(() => {
      const error = new DOMException("The server does not answer", "TimeoutError");
      late.reject(error);
      otherwise?.(error);
    }, answerTimeoutMs);
    try {
      return await Promise.race([asked, late.promise]);
    } finally {
      cancel();
    }
  }

  #giveUp(client: AMQPBaseClient, error: unknown): void {
    if (!this.isOpen(client)) return;
    client.ondisconnect?.(error instanceof Error ? error : undefined);
    destroy(client);
  }

  #watch(client: AMQPBaseClient): void {
    const waiting = new Set<(reason: unknown) => void>();
    this.#waiting.set(client, waiting);
    client.ondisconnect = (
      error = new TypeError("Cannot go on as the connection is closed"),
    ) => {
      client.ondisconnect = () => {}; // it tells twice if the server has said so before
      this.#client = undefined;
      this.#open = undefined;
      for (const reject of waiting) reject(error);
      this.#settings.report(error);
    };
  }
}

/**
 * Closes a connection. The client resolves `close()` when the server has answered, which one that is just
 * going down does not do.
 */
async function closeClient(client: AMQPBaseClient): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    client.ondisconnect = () => resolve();
    if (client instanceof AMQPClient) client.socket?.once("close", () => resolve());
  });
  await Promise.race([client.close().catch(() => {}), gone]);
}

/** Ends a connection without asking the server, where the client can. */
function destroy(client: AMQPBaseClient): void {
  if (client instanceof AMQPClient) client.socket?.destroy();
  else if (!client.closed) client.close().catch(() => {});
  else {
    const closeSocket: unknown = Reflect.get(client, "closeSocket"); // it is not connected yet
    if (typeof closeSocket === "function") closeSocket.call(client);
  }
}

/**
 * The client hands a method without its object to a promise, for when a connection breaks while it is
 * being made: the exception that this leads to would end the process.
 */
function bindRefusal(client: AMQPBaseClient): void {
  const refuse: unknown = Reflect.get(client, "rejectConnect");
  if (typeof refuse === "function") Reflect.set(client, "rejectConnect", refuse.bind(client));
}

/**
 * Makes a client that was sent something not wait until the system has taken it. With a connection that
 * breaks meanwhile, its promise of a confirmation would be rejected while nobody listens yet, which ends
 * the process; and what cannot be written is rejected anyway when the connection is given up.
 */
function settleSendsAtOnce(client: AMQPBaseClient): void {
  const send = client.send.bind(client);
  client.send = (bytes) => {
    const sent = send(bytes);
    sent.catch(() => {});
    return client.closed ? sent : Promise.resolve();
  };
}

/** The number that AMQP gives a refusal, which the client puts at the end of its message. */
export function replyCodeOf(error: unknown): number | undefined {
  const found = error instanceof Error ? /\((\d{3})\)$/.exec(error.message)?.[1] : undefined;
  return found === undefined ? undefined : Number(found);
}
