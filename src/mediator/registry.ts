import type { AnyMessage, Definition, SagaRequest } from "../message/mod.ts";
import type { Context } from "./context.ts";
import type { AnyHandler, Handler } from "./handler.ts";
import type { Middleware } from "./middleware.ts";
import type { AnyBindableSaga, BindableSaga, SagaBinding } from "./saga_port.ts";

/** One thing that was told to a registry. */
export type RegistryStep =
  | { readonly step: "use"; readonly middleware: Middleware }
  | {
    readonly step: "on";
    readonly definition: AnyDefinition;
    readonly handlers: readonly AnyHandler[];
  }
  | {
    readonly step: "saga";
    readonly definition: AnyBindableSaga;
    readonly earlier: readonly AnyBindableSaga[];
  }
  | { readonly step: "add"; readonly module: HandlerModule<never, never> };

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
 * @typeParam Needs What they need in their context beside what they use themselves.
 */
export interface HandlerModule<in M extends AnyMessage, in Needs = Context> {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /** Carries the type of the context; never present at run time. */
  readonly needs?: ((context: Needs) => void) | undefined;
  /** What the registry was told, in order. */
  readonly steps: readonly RegistryStep[];
}

/** What `on` says of a saga, which brings its handlers along. */
export interface BoundOtherwise {
  /** The method that binds it. */
  readonly "bind it with": "saga()";
}

/** What middlewares have added to a context. */
export type AdditionsOf<C> = Omit<C, keyof Context>;

/**
 * Binds messages to their handlers. Every method gives a new registry and leaves
 * the old one as it was.
 *
 * @typeParam M The messages that have handlers.
 * @typeParam C The context that handlers bound from here on receive.
 * @typeParam Needs What must be in the context where the registry is added or bootstrapped.
 */
export interface Registry<M extends AnyMessage, C, Needs = Context>
  extends HandlerModule<M, Needs> {
  /**
   * Wraps the handlers that are bound or added after it in a middleware, which
   * sees what those before it have added. The first one used is the outermost.
   * One that already surrounds a handler, in this registry or in one that adds
   * it, is not applied to it again.
   *
   * @throws {TypeError} If it is no middleware.
   */
  use<A extends object>(middleware: Middleware<A, AdditionsOf<C>>): Registry<M, C & A, Needs>;
  /**
   * Binds a message to its handlers: one for a request, any number for an
   * event, where further calls add to those before.
   *
   * @throws {TypeError} If there is no handler, or the message is a saga.
   */
  on<T extends AnyMessage>(
    definition:
      & Definition<T>
      & (T["kind"] extends "event" | "notification" ? unknown
        : T["kind"] extends "saga" | "step" ? BoundOtherwise
        : T["type"] extends M["type"] ? AlreadyHandled<T["type"]>
        : unknown),
    ...handlers: Handlers<T, C>
  ): Registry<M | T, C, Needs>;
  /**
   * Binds a saga, whose steps are run within the middlewares used here so far: each by itself, and never the
   * saga as a whole.
   *
   * @param earlier Versions before this one that may still be under way: they are gone on with, and never started.
   * @throws {TypeError} If it is no saga.
   */
  saga<T extends SagaRequest>(
    definition:
      & BindableSaga<T>
      & (T["type"] extends M["type"] ? AlreadyHandled<T["type"]> : unknown),
    ...earlier: readonly AnyBindableSaga[]
  ): Registry<M | T, C, Needs>;
  /** Takes over the handlers of another registry, within the middlewares used here so far. */
  add<M2 extends AnyMessage>(module: HandlerModule<M2, C>): Registry<M | M2, C, Needs>;
}

/** Creates an empty registry. */
export function handlers(): Registry<never, Context>;
/**
 * Creates an empty registry whose handlers need more in their context.
 *
 * @typeParam Needs What its handlers need in their context, which the registry
 * that adds it has to give them.
 *
 * @example Modules compose
 * ```ts
 * import { bootstrap, command, handlers, type Middleware, query } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * let count = 0;
 * const Increment = command("increment").returns<string>();
 * const Count = query("count").returns<number>();
 * const signedIn: Middleware<{ user: string }> = (_context, next) => next({ user: "Ada" });
 *
 * const writing = handlers<{ user: string }>() // can only be added where there is a user
 *   .on(Increment, (_data, { user }) => `${user} made it ${++count}`);
 * const reading = handlers().on(Count, () => count);
 *
 * const app = bootstrap(handlers().add(reading).use(signedIn).add(writing));
 * assert.equal(await app.send(Increment()), "Ada made it 1");
 * assert.equal(await app.send(Count()), 1);
 * ```
 */
export function handlers<Needs extends object>(): Registry<never, Context & Needs, Context & Needs>;
export function handlers(): Registry<never, Context> {
  return new StepRegistry([]);
}

class StepRegistry<M extends AnyMessage, C, Needs> implements Registry<M, C, Needs> {
  declare readonly handles?: ((message: M) => void) | undefined;
  declare readonly needs?: ((context: Needs) => void) | undefined;
  readonly steps: readonly RegistryStep[];

  constructor(steps: readonly RegistryStep[]) {
    this.steps = steps;
  }

  use<A extends object>(middleware: Middleware<A, AdditionsOf<C>>): Registry<M, C & A, Needs> {
    if (typeof middleware !== "function" && typeof middleware?.handle !== "function") {
      throw new TypeError(`Cannot use ${typeof middleware} as a middleware`);
    }
    return new StepRegistry([...this.steps, { step: "use", middleware: middleware as Middleware }]);
  }

  on<T extends AnyMessage>(
    definition: Definition<T>,
    ...handlers: readonly Handler<T, C>[]
  ): Registry<M | T, C, Needs> {
    if (definition.kind === "saga") {
      throw new TypeError(`Cannot bind saga "${definition.type}" to handlers: bind it with saga()`);
    }
    if (handlers.length === 0) {
      throw new TypeError(`Cannot bind "${definition.type}" to no handler`);
    }
    return new StepRegistry([
      ...this.steps,
      { step: "on", definition, handlers: handlers as readonly AnyHandler[] },
    ]);
  }

  saga<T extends SagaRequest>(
    definition: AnyBindableSaga,
    ...earlier: readonly AnyBindableSaga[]
  ): Registry<M | T, C, Needs> {
    for (const { kind, type } of [definition, ...earlier]) {
      if (kind !== "saga") throw new TypeError(`Cannot bind "${type}" as a saga as it is none`);
    }
    return new StepRegistry([...this.steps, { step: "saga", definition, earlier }]);
  }

  add<M2 extends AnyMessage>(module: HandlerModule<M2, C>): Registry<M | M2, C, Needs> {
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
  { steps }: HandlerModule<never, never>,
  outer: readonly Middleware[] = [],
): ReadonlyArray<Binding | SagaBinding> {
  let middlewares = outer;
  return steps.flatMap((step): ReadonlyArray<Binding | SagaBinding> => {
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
      case "saga":
        return [{ definition: step.definition, earlier: step.earlier, middlewares }];
      case "add":
        return bindingsOf(step.module, middlewares);
    }
  });
}
