import type { AnyMessage } from "../message/mod.ts";
import { retryAsync, type RetryOptions, type RetryPolicy, retryPolicy } from "../resilience/mod.ts";
import { sleep } from "../clock.ts";
import type { CompositeHandler } from "./composite.ts";
import type { MiddlewareContext } from "./context.ts";
import type { RestartMode } from "./fallback.ts";
import { type Invoke, type InvokeStream, runFrame, streamFrame } from "./run_frame.ts";
import type { Handler } from "./handler.ts";
import type { StreamAwareMiddleware } from "./middleware.ts";

/** How a handler is retried. */
export interface HandlerRetryOptions extends RetryOptions {
  /** When a stream may start again. @default {"beforeFirstItem"} */
  readonly mode?: RestartMode | undefined;
}

/** A retried handler, as {@linkcode withRetry} describes it. */
export interface RetryHandler<M extends AnyMessage, C> extends CompositeHandler<M, C> {
  /** Tells this composite from the others. */
  readonly composite: "retry";
  /** The handler that is retried. */
  readonly handler: Handler<M, C>;
  /** How it is retried. */
  readonly policy: HandlerRetryPolicy;
}

/** Validated {@linkcode HandlerRetryOptions}. */
export interface HandlerRetryPolicy extends RetryPolicy {
  /** When a stream may start again. */
  readonly mode: RestartMode;
}

/**
 * Makes a handler that runs again when it fails. Only the events of the run
 * that succeeded count. The last error reaches the caller unchanged, so that
 * what surrounds it can tell errors apart. By default every error is worth
 * another attempt, also one of programming and a time-out; `when` decides otherwise.
 *
 * Written outside of `on`, it has to be told its types:
 * `withRetry<MessageOf<typeof Definition>, Context>(handler)`.
 *
 * @throws {RangeError} If an option is out of range.
 *
 * @example Getting over a hiccup
 * ```ts
 * import { bootstrap, handlers, query, withRetry } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * let calls = 0;
 * const Rate = query("rate").returns<number>();
 * const rate = (): number => {
 *   if (++calls < 3) throw new Error("Unavailable");
 *   return 7;
 * };
 * const app = bootstrap(handlers().on(Rate, withRetry(rate, { backoff: () => 0 })));
 * assert.equal(await app.send(Rate()), 7);
 * ```
 */
export function withRetry<M extends AnyMessage, C>(
  handler: Handler<M, NoInfer<C>>,
  options: HandlerRetryOptions = {},
): RetryHandler<M, C> {
  return { composite: "retry", handler, policy: handlerRetryPolicy(options) };
}

/**
 * Creates a middleware that runs the handlers inside it again when they fail,
 * each by itself. By default every error is worth another attempt, also one of
 * programming and a time-out; `when` decides otherwise. See
 * {@linkcode withRetry} for one handler.
 *
 * @throws {RangeError} If an option is out of range.
 */
export function retry(options: HandlerRetryOptions = {}): StreamAwareMiddleware<object> {
  const policy = handlerRetryPolicy(options);
  return {
    handle: (context, next) =>
      retryAsync(() => next(), policy, { signal: context.signal, onRetry: reporter(context) }),
    stream: (context, next) => retryStream(() => next(), policy, context, context.signal),
  };
}

/** Makes a handler of a compiled one that is retried. */
export function invokeRetry(invoke: Invoke, policy: HandlerRetryPolicy): Invoke {
  return (frame) =>
    retryAsync(() => runFrame(frame, invoke), policy, {
      signal: frame.cancellation,
      onRetry: reporter(frame.context),
    });
}

/** Makes a streaming handler of a compiled one that is retried. */
export function invokeStreamRetry(invoke: Invoke, policy: HandlerRetryPolicy): InvokeStream {
  return (frame) =>
    retryStream(() => streamFrame(frame, invoke), policy, frame.context, frame.cancellation);
}

async function* retryStream(
  open: () => AsyncIterable<unknown>,
  policy: HandlerRetryPolicy,
  context: MiddlewareContext,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, void, void> {
  let delivered = false;
  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      for await (const item of open()) {
        delivered = true;
        yield item;
      }
      return;
    } catch (error) {
      const spent = attempt >= policy.maxAttempts ||
        (delivered && policy.mode === "beforeFirstItem");
      if (spent || signal?.aborted === true || !policy.when(error)) throw error;
      const delayMs = policy.backoff(attempt);
      context.report({ type: "retrying", message: context.message, attempt, delayMs, error });
      await sleep(policy.clock, delayMs, signal);
    }
  }
}

function handlerRetryPolicy(
  { mode = "beforeFirstItem", ...options }: HandlerRetryOptions,
): HandlerRetryPolicy {
  return { ...retryPolicy(options), mode };
}

function reporter({ report, message }: MiddlewareContext) {
  return (info: { attempt: number; delayMs: number; error: unknown }) =>
    report({ type: "retrying", message, ...info });
}
