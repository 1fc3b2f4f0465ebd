import type { AnyMessage } from "../message/mod.ts";
import { type CircuitBreaker, CircuitOpenError, type CircuitPermit } from "../resilience/mod.ts";
import type { Frame } from "./frame.ts";
import type { CompositeHandler } from "./composite.ts";
import { type Invoke, type InvokeStream, runFrame, streamFrame } from "./run_frame.ts";
import type { Handler } from "./handler.ts";

/**
 * When a stream may start again with another handler:
 *
 * - `"beforeFirstItem"`: only as long as nothing has been delivered.
 * - `"restart"`: at any time, from the beginning; what was delivered before stays delivered, so items may repeat.
 */
export type RestartMode = "beforeFirstItem" | "restart";

/** How {@linkcode fallback} decides. */
export interface FallbackOptions {
  /**
   * Whether the secondary may answer after this error of the primary. A
   * refusal by the circuit breaker always counts; an error that does not is an
   * answer to it, and never opens the circuit.
   *
   * @default {() => true}
   */
  readonly when?: ((error: unknown) => boolean) | undefined;
  /** Keeps calls away from a primary that fails repeatedly; they go to the secondary at once. @default none */
  readonly circuitBreaker?: CircuitBreaker | undefined;
  /** When a stream may start again with the secondary. @default {"beforeFirstItem"} */
  readonly mode?: RestartMode | undefined;
}

/** A fallback, as {@linkcode fallback} describes it. */
export interface FallbackHandler<M extends AnyMessage, C> extends CompositeHandler<M, C> {
  /** Tells this composite from the others. */
  readonly composite: "fallback";
  /** Answers as long as it can. */
  readonly primary: Handler<M, C>;
  /** Answers when the primary fails. */
  readonly secondary: Handler<M, C>;
  /** How it decides. */
  readonly options: FallbackOptions;
}

/**
 * Makes a handler that lets `secondary` answer when `primary` fails. What the
 * primary emitted is dropped then; an error of the secondary reaches the caller.
 * A caller that aborts gets no fallback. So that a primary which hangs counts as
 * failed, also for the circuit breaker, give it a time limit of its own:
 * `fallback(withTimeout(primary, 1_000), secondary)`.
 *
 * Written outside of `on`, it has to be told its types:
 * `fallback<MessageOf<typeof Definition>, Context>(primary, secondary)`.
 *
 * @example A cached answer while the source is away
 * ```ts
 * import { bootstrap, fallback, handlers, query } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Quote = query("quote").returns<number>();
 * const live = (): number => { throw new Error("Unavailable"); };
 * const app = bootstrap(handlers().on(Quote, fallback(live, () => 41)));
 * assert.equal(await app.send(Quote()), 41);
 * ```
 */
export function fallback<M extends AnyMessage, C>(
  primary: Handler<M, NoInfer<C>>,
  secondary: Handler<M, NoInfer<C>>,
  options: FallbackOptions = {},
): FallbackHandler<M, C> {
  return { composite: "fallback", primary, secondary, options };
}

/** Makes one handler of a compiled primary and secondary. */
export function invokeFallback(
  primary: Invoke,
  secondary: Invoke,
  options: FallbackOptions,
): Invoke {
  return async (frame) => {
    try {
      return await attempt(frame, primary, options);
    } catch (error) {
      if (!allows(options, frame, error)) throw error;
      frame.runtime.report?.({ type: "fell_back", message: frame.message, error });
    }
    return runFrame(frame, secondary);
  };
}

/** Runs the primary. An error that is an answer goes past the circuit breaker. */
async function attempt(
  frame: Frame,
  primary: Invoke,
  { circuitBreaker, when }: FallbackOptions,
): Promise<unknown> {
  if (circuitBreaker === undefined) return runFrame(frame, primary);
  let answer: { readonly error: unknown } | undefined;
  const result = await circuitBreaker.call(async () => {
    try {
      return await runFrame(frame, primary);
    } catch (error) {
      if (frame.cancellation?.aborted === true || when?.(error) !== false) throw error;
      answer = { error };
      return undefined;
    }
  }, { signal: frame.cancellation });
  if (answer !== undefined) throw answer.error;
  return result;
}

/** Makes one streaming handler of a compiled primary and secondary. */
export function invokeStreamFallback(
  primary: Invoke,
  secondary: Invoke,
  options: FallbackOptions,
): InvokeStream {
  const { mode = "beforeFirstItem" } = options;
  return async function* (frame) {
    let delivered = false;
    try {
      for await (const item of guarded(primary, options, frame)) {
        delivered = true;
        yield item;
      }
      return;
    } catch (error) {
      if (delivered && mode === "beforeFirstItem") throw error;
      if (!allows(options, frame, error)) throw error;
      frame.runtime.report?.({ type: "fell_back", message: frame.message, error });
    }
    yield* streamFrame(frame, secondary);
  };
}

/** Streams the primary and tells its circuit breaker how that ended; a reader who leaves tells nothing. */
async function* guarded(
  primary: Invoke,
  { circuitBreaker, when }: FallbackOptions,
  frame: Frame,
): AsyncGenerator<unknown, void, void> {
  const permit: CircuitPermit | undefined = await circuitBreaker?.acquire();
  try {
    yield* streamFrame(frame, primary);
    await permit?.success();
  } catch (error) {
    if (frame.cancellation?.aborted === true) await permit?.release();
    else await (when?.(error) === false ? permit?.success() : permit?.failure(error));
    throw error;
  } finally {
    await permit?.release();
  }
}

function allows({ when }: FallbackOptions, frame: Frame, error: unknown): boolean {
  if (frame.cancellation?.aborted === true) return false;
  return when === undefined || error instanceof CircuitOpenError || when(error);
}
