import type { AnyMessage, Definition } from "../message/mod.ts";
import type { Context } from "./context.ts";
import type { AnyHandler, Handler } from "./handler.ts";
import type { Middleware } from "./middleware.ts";

/** One thing that was told to a registry. */
export type RegistryStep =
  | { readonly step: "use"; readonly middleware: Middleware }
  | {
    readonly step: "on";
    readonly definition: AnyDefinition;
    readonly handlers: readonly AnyHandler[];
  }
  | { readonly step: "add"; readonly module: HandlerModule<never> };

/** What every definition can be asked, whatever its messages. */
export type AnyDefinition = Pick<Definition<AnyMessage>, "kind" | "type">;

/** The handlers of one message: exactly one for a request, one or more for an event. */
export type Handlers<M extends AnyMessage, C> = M["kind"] extends "event" | "notification"
  ? readonly [Handler<M, C>, ...Handler<M, C>[]]
  : readonly [handler: Handler<M, C>];

/** What a second handler for the same request fails to be. */
export interface AlreadyHandled<N extends string> {
  /** The request that is handled already. */
  readonly "already handled": N;
}

/**
 * Handlers that an application can be made of, or that another registry can add.
 *
 * @typeParam M The messages that they handle.
 */
export interface HandlerModule<in M extends AnyMessage> {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /** What the registry was told, in order. */
  readonly steps: readonly RegistryStep[];
}

/**
 * Binds messages to their handlers. Every method gives a new registry and leaves
 * the old one as it was.
 *
 * @typeParam M The messages that have handlers.
 * @typeParam C The context that handlers bound from here on receive.
 */
export interface Registry<M extends AnyMessage, C> extends HandlerModule<M> {
  /**
   * Wraps the handlers that are bound or added after it in a middleware. The
   * first one used is the outermost. One that already surrounds a handler, in
   * this registry or in one that adds it, is not applied to it again.
   */
  use<A extends object>(middleware: Middleware<A>): Registry<M, C & A>;
  /**
   * Binds a message to its handlers: one for a request, any number for an
   * event, where further calls add to those before.
   */
  on<T extends AnyMessage>(
    definition:
      & Definition<T>
      & (T["kind"] extends "event" | "notification" ? unknown
        : T["type"] extends M["type"] ? AlreadyHandled<T["type"]>
        : unknown),
    ...handlers: Handlers<T, C>
  ): Registry<M | T, C>;
  /** Takes over the handlers of another registry, within the middlewares used here so far. */
  add<M2 extends AnyMessage>(module: HandlerModule<M2>): Registry<M | M2, C>;
}

/**
 * Creates an empty registry.
 *
 * @example Modules compose
 * ```ts
 * import { bootstrap, command, handlers, query } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * let count = 0;
 * const Increment = command("increment");
 * const Count = query("count").returns<number>();
 * const writing = handlers().on(Increment, () => void count++);
 * const reading = handlers().on(Count, () => count);
 *
 * const app = bootstrap(handlers().add(writing).add(reading));
 * await app.send(Increment());
 * assert.equal(await app.send(Count()), 1);
 * ```
 */
export function handlers(): Registry<never, Context> {
  return new StepRegistry([]);
}

class StepRegistry<M extends AnyMessage, C> implements Registry<M, C> {
  declare readonly handles?: ((message: M) => void) | undefined;
  readonly steps: readonly RegistryStep[];

  constructor(steps: readonly RegistryStep[]) {
    this.steps = steps;
  }

  use<A extends object>(middleware: Middleware<A>): Registry<M, C & A> {
    if (typeof middleware !== "function" && typeof middleware?.handle !== "function") {
      throw new TypeError(`Cannot use ${typeof middleware} as a middleware`);
    }
    return new StepRegistry([...this.steps, { step: "use", middleware: middleware as Middleware }]);
  }

  on<T extends AnyMessage>(
    definition: Definition<T>,
    ...handlers: readonly Handler<T, C>[]
  ): Registry<M | T, C> {
    if (handlers.length === 0) {
      throw new TypeError(`Cannot bind "${definition.type}" to no handler`);
    }
    return new StepRegistry([
      ...this.steps,
      { step: "on", definition, handlers: handlers as readonly AnyHandler[] },
    ]);
  }

  add<M2 extends AnyMessage>(module: HandlerModule<M2>): Registry<M | M2, C> {
    return new StepRegistry([...this.steps, { step: "add", module }]);
  }
}

/** A message with one of its handlers, and the middlewares around that. */
export interface Binding {
  readonly definition: AnyDefinition;
  readonly handler: AnyHandler;
  readonly middlewares: readonly Middleware[];
}

/** Lists the bindings of a registry and of those that it adds, in the order in which they were made. */
export function bindingsOf(
  { steps }: HandlerModule<never>,
  outer: readonly Middleware[] = [],
): readonly Binding[] {
  let middlewares = outer;
  return steps.flatMap((step) => {
    switch (step.step) {
      case "use":
        if (!middlewares.includes(step.middleware)) middlewares = [...middlewares, step.middleware];
        return [];
      case "on":
        return step.handlers.map((handler) => ({
          definition: step.definition,
          handler,
          middlewares,
        }));
      case "add":
        return bindingsOf(step.module, middlewares);
    }
  });
}
