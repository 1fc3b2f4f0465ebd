import type { Clock } from "../clock.ts";
import type { AnyMessage } from "../message/mod.ts";
import { assertTimeoutMs, Deadline, type Overrun, withDeadline } from "../resilience/mod.ts";
import type { CompositeHandler } from "./composite.ts";
import type { MiddlewareContext } from "./context.ts";
import { type Invoke, type InvokeStream, runFrame, streamFrame } from "./run_frame.ts";
import type { Handler } from "./handler.ts";
import type { StreamAwareMiddleware } from "./middleware.ts";

/** How a time limit is measured. */
export interface TimeoutOptions {
  /** The clock that measures the limit. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** A handler with a time limit, as {@linkcode withTimeout} describes it. */
export interface TimeoutHandler<M extends AnyMessage, C> extends CompositeHandler<M, C> {
  /** Tells this composite from the others. */
  readonly composite: "timeout";
  /** The handler that is limited. */
  readonly handler: Handler<M, C>;
  /** The limit in milliseconds. */
  readonly timeoutMs: number;
  /** How it is measured. */
  readonly options: TimeoutOptions;
}

/**
 * Makes a handler that gives up after `timeoutMs` milliseconds: its signal
 * aborts and the call rejects at once with a `DOMException` named
 * `"TimeoutError"`. The limit holds for each item of a stream; the time that
 * its reader takes does not count.
 *
 * A handler that goes on regardless cannot emit any more, and the observer
 * sees it when it ends.
 *
 * Written outside of `on`, it has to be told its types:
 * `withTimeout<MessageOf<typeof Definition>, Context>(handler, timeoutMs)`.
 *
 * @param timeoutMs The limit; `Infinity` sets none.
 * @throws {RangeError} If `timeoutMs` is not positive.
 *
 * @example Not waiting for ever
 * ```ts
 * import { bootstrap, handlers, query, withTimeout } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Slow = query("slow").returns<number>();
 * const app = bootstrap(handlers().on(Slow, withTimeout(() => new Promise<number>(() => {}), 10)));
 * await assert.rejects(app.send(Slow()), { name: "TimeoutError" });
 * ```
 */
export function withTimeout<M extends AnyMessage, C>(
  handler: Handler<M, NoInfer<C>>,
  timeoutMs: number,
  options: TimeoutOptions = {},
): TimeoutHandler<M, C> {
  assertTimeoutMs(timeoutMs);
  return { composite: "timeout", handler, timeoutMs, options };
}

/**
 * Creates a middleware that gives the handlers inside it a time limit, each by
 * itself. See {@linkcode withTimeout} for one handler.
 *
 * Around a transaction the limit holds until its commit begins: before, the
 * transaction is rolled back; after, the call ends as the commit does.
 *
 * @param timeoutMs The limit; `Infinity` sets none.
 * @throws {RangeError} If `timeoutMs` is not positive.
 */
export function timeout(
  timeoutMs: number,
  options: TimeoutOptions = {},
): StreamAwareMiddleware<object> {
  assertTimeoutMs(timeoutMs);
  return {
    handle: (context, next) =>
      withDeadline(timeoutMs, (signal) => next({ signal }), {
        ...deadlineOf(context, options),
        onCallerAbort: "forward",
        postpone: () => context.committed,
      }),
    stream: (context, next) => limited((signal) => next({ signal }), timeoutMs, context, options),
  };
}

/** Makes a handler of a compiled one that has a time limit. */
export function invokeTimeout(invoke: Invoke, timeoutMs: number, options: TimeoutOptions): Invoke {
  return (frame) =>
    withDeadline(
      timeoutMs,
      (signal) => runFrame(frame, invoke, { signal }),
      { ...deadlineOf(frame.context, options), onCallerAbort: "forward" },
    );
}

/** Makes a streaming handler of a compiled one that has a time limit for each item. */
export function invokeStreamTimeout(
  invoke: Invoke,
  timeoutMs: number,
  options: TimeoutOptions,
): InvokeStream {
  return (frame) =>
    limited((signal) => streamFrame(frame, invoke, { signal }), timeoutMs, frame.context, options);
}

async function* limited(
  open: (signal: AbortSignal) => AsyncIterable<unknown>,
  timeoutMs: number,
  context: MiddlewareContext,
  options: TimeoutOptions,
): AsyncGenerator<unknown, void, void> {
  const deadline = new Deadline(timeoutMs, deadlineOf(context, options));
  const source = open(deadline.signal)[Symbol.asyncIterator]();
  try {
    while (true) {
      const result = await deadline.run(() => source.next());
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    deadline.close();
    const ended = source.return?.();
    // After a time-out the source may be stuck for good: it is told to end, but not waited for.
    if (deadline.signal.aborted && !context.signal.aborted) ended?.catch(() => {});
    else await ended;
  }
}

// A call rejects at once when its caller aborts, unless that comes too late, which only the call knows. So a
// limit within it passes the abort on and no more.
function deadlineOf(context: MiddlewareContext, { clock }: TimeoutOptions) {
  const { message, report } = context;
  return {
    signal: context.signal,
    clock,
    onOverrun: ({ elapsedMs, outcome }: Overrun) =>
      report({ type: "overran", message, elapsedMs, outcome: outcome.status }),
  };
}
