import type { AnyMessage } from "../message/mod.ts";
import type { MiddlewareContext } from "./context.ts";
import type { AnyDefinition } from "./registry.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/**
 * What a middleware may hand inwards: another message of the same type, a
 * narrower signal, and what it adds to the context of the handlers inside.
 */
export type NextOverrides<A extends object> = A & {
  /** Takes the place of the message for everything further in; must have the same type. See {@linkcode withData}. */
  readonly message?: AnyMessage;
  /** Takes the place of the signal for everything further in. */
  readonly signal?: AbortSignal;
  /**
   * Opens a unit of work for everything further in, which is committed by the time that the
   * middleware resolves, or fails with it. Not for streams.
   *
   * - Notifications that are emitted inside, also by requests that a handler sends from its context,
   *   are handed to its `store` before `next()` resolves, if the runs that emitted them have succeeded.
   * - `next()` looks at the signals around it once more before it resolves, and rejects if one has
   *   aborted. After that nothing cancels the call any more, neither its caller nor {@linkcode timeout}:
   *   the middleware commits without further ado, and resolves or rejects as the commit does.
   * - When the middleware resolves, what was stored is reported to the observer and domain events are
   *   dispatched, whatever else fails around it. When it rejects, all is dropped.
   *
   * One that is open already, out of {@linkcode MiddlewareContext.unitsOfWork}, is joined: what is emitted
   * inside belongs to it and waits for its commit.
   */
  readonly unitOfWork?: UnitOfWork;
};

/** The arguments of `next`: required when the middleware promises additions. */
export type NextArguments<A extends object> = Partial<A> extends A ? [overrides?: NextOverrides<A>]
  : [overrides: NextOverrides<A>];

/** Runs what the middleware wraps, and gives its result. */
export type Next<A extends object> = (...args: NextArguments<A>) => Promise<unknown>;

/** Opens the stream that the middleware wraps. */
export type NextStream<A extends object> = (...args: NextArguments<A>) => AsyncIterable<unknown>;

/**
 * A middleware as a function. It wraps every kind of handler: around a stream,
 * `next()` resolves, without a result, when the stream has ended or its reader
 * has left.
 *
 * Calling `next` again runs the handler again; only the events of runs that
 * succeeded are dispatched. Around a stream that is possible until the first
 * item has been delivered.
 *
 * @typeParam A What it adds to the context.
 * @typeParam Needs What earlier middlewares must have added.
 */
export type MiddlewareFunction<A extends object, Needs = object> = (
  context: MiddlewareContext & Needs,
  next: Next<A>,
) => Promise<unknown>;

/** A middleware that treats the items of streams itself. */
export interface StreamAwareMiddleware<A extends object, Needs = object> {
  /** Wraps commands, queries and event handlers. */
  readonly handle: MiddlewareFunction<A, Needs>;
  /** Wraps streaming requests. */
  readonly stream: (
    context: MiddlewareContext & Needs,
    next: NextStream<A>,
  ) => AsyncIterable<unknown>;
  /**
   * Is asked by `bootstrap` about each message whose handlers it is to wrap.
   *
   * @throws {TypeError} To refuse it.
   */
  readonly check?: ((definition: AnyDefinition) => void) | undefined;
}

/**
 * Wraps handlers: requests, streams and event handlers alike. The first one
 * used is the outermost.
 *
 * @typeParam A What it adds to the context of the handlers inside.
 * @typeParam Needs What earlier middlewares must have added.
 *
 * @example A middleware that adds to the context
 * ```ts
 * import { bootstrap, handlers, type Middleware, query } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const signedIn: Middleware<{ user: string }> = (context, next) =>
 *   next({ user: context.metadata.headers["x-user"] ?? "nobody" });
 *
 * const WhoAmI = query("who-am-i").returns<string>();
 * const app = bootstrap(handlers().use(signedIn).on(WhoAmI, (_data, { user }) => user));
 * assert.equal(await app.send(WhoAmI(undefined, { headers: { "x-user": "Ada" } })), "Ada");
 * ```
 */
export type Middleware<A extends object = object, Needs = object> =
  | MiddlewareFunction<A, Needs>
  | StreamAwareMiddleware<A, Needs>;
