import type { Frame } from "./frame.ts";
import { type Invoke, runPart } from "./run_frame.ts";
import type { Watch } from "./watch.ts";

/** Runs the handlers of an event as one: one after the other, until one fails. */
export function inSequence(handlers: readonly Invoke[]): Invoke {
  return async (frame) => {
    for (const invoke of handlers) await runPart(frame, invoke);
  };
}

/** Runs the handler, after start-up, and until the caller aborts. */
export function begin(
  invoke: Invoke,
  frame: Frame,
  starting: Promise<void> | undefined,
  watch: Watch | undefined,
): unknown {
  const signal = frame.cancellation;
  const running = starting === undefined ? invoke(frame) : starting.then(() => {
    signal?.throwIfAborted();
    return invoke(frame);
  });
  return signal === undefined ? running : untilAborted(running, signal, frame, watch);
}

/**
 * Settles as `running` does, or rejects as soon as `signal` aborts, unless that
 * comes too late; how it ends then goes to the observer.
 */
function untilAborted(
  running: unknown,
  signal: AbortSignal,
  frame: Frame,
  watch: Watch | undefined,
): Promise<unknown> {
  if (!isThenable(running)) return Promise.resolve(running);
  // Once: a query builder runs its query each time that it is asked for its outcome.
  const outcome = Promise.resolve(running);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      if (frame.hasSucceeded) return;
      reject(signal.reason);
      outcome.then(() => watch?.overran("fulfilled"), () => watch?.overran("rejected"));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
