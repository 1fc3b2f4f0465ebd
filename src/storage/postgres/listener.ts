import { type Clock, sleep } from "../../clock.ts";
import { exponentialBackoff } from "../../resilience/mod.ts";

/** A connection that listens to a channel. */
export interface ListeningConnection {
  /** Resolves when it is lost. It never rejects. */
  readonly lost: Promise<void>;
  /** Listens no more, and lets go of the connection. */
  close(): Promise<void>;
}

/** Makes a connection listen to a channel. */
export type OpenListening = (
  channel: string,
  onNotify: () => void,
) => Promise<ListeningConnection>;

/** What `listen` of a client is. */
export type Listen = (channel: string, onNotify: () => void) => Promise<AsyncDisposable>;

/**
 * Listens, and does so again when a connection is lost. Whoever listens to the same channel shares a
 * connection.
 */
export function reconnectingListen(open: OpenListening, clock: Clock): Listen {
  const channels = new Map<string, Channel>();
  return async (channel, onNotify) => {
    const entry = channels.get(channel) ?? startChannel(channel);
    // Each call counts for itself, also with a function that is known already.
    const listener = () => onNotify();
    entry.listeners.add(listener);
    const stop = async () => {
      if (!entry.listeners.delete(listener) || entry.listeners.size > 0) return;
      if (channels.get(channel) === entry) channels.delete(channel);
      await (await entry.listening)[Symbol.asyncDispose]();
    };
    try {
      await entry.listening;
    } catch (error) {
      entry.listeners.delete(listener);
      if (channels.get(channel) === entry) channels.delete(channel);
      throw error;
    }
    return { [Symbol.asyncDispose]: stop };
  };

  function startChannel(channel: string): Channel {
    const listeners = new Set<() => void>();
    const onNotify = () => {
      for (const listener of listeners) listener();
    };
    const entry = { listeners, listening: keepListening(open, channel, onNotify, clock) };
    channels.set(channel, entry);
    return entry;
  }
}

/** Those who listen to a channel, through one connection. */
interface Channel {
  readonly listeners: Set<() => void>;
  readonly listening: Promise<AsyncDisposable>;
}

/** Rejects only if the first connection fails; from then on it tries for as long as it takes. */
async function keepListening(
  open: OpenListening,
  channel: string,
  onNotify: () => void,
  clock: Clock,
): Promise<AsyncDisposable> {
  const controller = new AbortController();
  const { signal } = controller;
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const first = await open(channel, onNotify);
  const running = (async () => {
    let connection: ListeningConnection | undefined = first;
    while (connection !== undefined) {
      await Promise.race([connection.lost, stopped]);
      await connection.close();
      connection = await reopen(() => open(channel, onNotify), clock, signal);
      // A notification may have been sent while nobody listened.
      if (connection !== undefined && !signal.aborted) onNotify();
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      controller.abort();
      await running;
    },
  };
}

/** Resolves to a connection, or to `undefined` once the signal has aborted. */
async function reopen(
  open: () => Promise<ListeningConnection>,
  clock: Clock,
  signal: AbortSignal,
): Promise<ListeningConnection | undefined> {
  const backoff = exponentialBackoff({ maxDelayMs: 10_000 });
  for (let attempt = 1;; attempt++) {
    const isOver = await sleep(clock, backoff(attempt), signal).then(() => false, () => true);
    if (isOver) return undefined;
    const connection = await open().catch(() => undefined);
    if (connection !== undefined) return connection;
  }
}
