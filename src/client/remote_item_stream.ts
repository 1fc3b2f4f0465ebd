import { ConnectionLostError, HttpProblemError } from "./client_errors.ts";
import { readAs } from "./exchange.ts";
import type { RemoteRun } from "./remote_run.ts";

/**
 * The items of a run on a server. Nothing is sent before the first is asked for, and nothing is read
 * ahead: a slow reader slows the handler. It can be read once, by one reader.
 *
 * @typeParam T The type of the items.
 */
export interface RemoteItemStream<T> extends AsyncIterableIterator<T, void, void>, AsyncDisposable {
  /** Asks for the next item. */
  next(): Promise<IteratorResult<T, void>>;
  /**
   * Leaves the stream: cancels the response at once, and the run, if it can be resumed and has not
   * ended. Waits for the server's answer to that, at most 5 seconds, and ignores it.
   */
  return(): Promise<IteratorResult<T, void>>;
}

/** Gives the items of a run that nobody else reads. */
export function remoteItemStream<T>(
  run: RemoteRun,
  deserialize: (text: string) => T,
  signal: AbortSignal | undefined,
): RemoteItemStream<T> {
  let hasLeft = false;
  const items = read(run, deserialize, signal, () => hasLeft);
  return {
    next: () => items.next(),
    async return() {
      hasLeft = true;
      const cancelled = run.leave(new DOMException("The reader left the stream", "AbortError"));
      const [result] = await Promise.all([items.return(), cancelled]);
      return result;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* read<T>(
  run: RemoteRun,
  deserialize: (text: string) => T,
  signal: AbortSignal | undefined,
  hasLeft: () => boolean,
): AsyncGenerator<T, void> {
  const onAbort = () => void run.leave(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    while (true) {
      const text = await run.next();
      if (text === undefined) return;
      yield readAs("item", () => deserialize(text));
    }
  } catch (error) {
    if (hasLeft()) return;
    // What goes wrong on this side must not leave the handler at work. A server that does not answer
    // would not obey either.
    if (!run.isOver && !isRefusal(error)) void run.leave(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await run.close();
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ConnectionLostError || error instanceof HttpProblemError;
}
