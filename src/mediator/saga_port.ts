import type { Clock } from "../clock.ts";
import type {
  AnyMessage,
  Definition,
  Envelope,
  MessageMetadata,
  SagaRequest,
} from "../message/mod.ts";
import type { SagaStore } from "../storage/mod.ts";
import type { Middleware } from "./middleware.ts";
import type { ObserverEvent } from "./observer.ts";
import type { Sagas } from "./sagas.ts";

/**
 * A saga as a registry binds it: it brings along what runs it, so that applications without sagas carry
 * nothing of that.
 */
export interface BindableSaga<M extends AnyMessage = SagaRequest> extends Definition<M> {
  /** The version, a positive integer. */
  readonly version: number;
  /**
   * Makes what runs all sagas of an application.
   *
   * @internal
   */
  readonly openSagas: OpenSagas;
}

/** A saga with the versions before it that may still be under way, and the middlewares around its steps. */
export interface SagaBinding {
  readonly definition: AnyBindableSaga;
  readonly earlier: readonly AnyBindableSaga[];
  readonly middlewares: readonly Middleware[];
}

/** A saga, as seen where its types no longer matter. */
export type AnyBindableSaga = Pick<BindableSaga, "kind" | "type" | "version" | "openSagas">;

/** Makes what runs the sagas of an application. */
export type OpenSagas = (bindings: readonly SagaBinding[], host: SagaHost) => SagaRunner;

/** The start of a saga on its way to what runs it. */
export interface SagaCall {
  readonly message: AnyMessage;
  readonly metadata: MessageMetadata;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal | undefined;
}

/** What runs the sagas of an application. */
export interface SagaRunner {
  /** What is known of them, and can be done about them. */
  readonly sagas: Sagas;
  /** Runs one to its end. */
  send(call: SagaCall): Promise<unknown>;
  /** Runs one, a step at a time. */
  stream(call: SagaCall): AsyncIterable<unknown>;
}

/** A part of a step, ready to be run: its act, or its compensation. */
export type StepHandler = (data: never, context: never) => unknown;

/** How the sagas of an application are run. */
export interface SagaRunOptions {
  /**
   * After how many milliseconds another process may take over a saga of this one if this one is silent. It
   * says three times as often that it lives, so a step may take longer than this.
   *
   * @default {30_000}
   */
  readonly leaseMs?: number | undefined;
  /**
   * How often a saga is looked at that another process goes on with, in milliseconds; while it waits for a
   * signal, ten times as rarely.
   *
   * @default {200}
   */
  readonly pollMs?: number | undefined;
}

/** What an application gives to what runs its sagas. */
export interface SagaHost {
  readonly store: SagaStore;
  readonly clock: Clock;
  readonly options: SagaRunOptions;
  /** Tells the observer, if there is one. */
  readonly report: ((event: ObserverEvent) => void) | undefined;
  /** Aborts when the application is disposed. */
  readonly closing: AbortSignal;
  /**
   * Makes a function that runs a part of a step within its middlewares.
   *
   * @throws {TypeError} If a middleware refuses it, or it is no handler.
   */
  compile(
    type: string,
    handler: StepHandler,
    options: {
      readonly middlewares: readonly Middleware[];
      readonly timeoutMs: number | undefined;
    },
  ): StepRun;
  /** Has the application wait for some work when it is disposed. */
  hold<T>(work: () => Promise<T>): Promise<T>;
}

/** One run of a part of a step. */
export interface StepCall {
  /** What is added to the context of its handler. */
  readonly additions: object;
  /** Aborts when somebody else has the saga. */
  readonly signal: AbortSignal;
  /** Asks the handler, as a circuit breaker does. @default at once */
  readonly guard: ((run: () => Promise<unknown>) => Promise<unknown>) | undefined;
  /** Is set when the handler, or what guards it, is asked. */
  hasBegun: boolean;
  /** Is set when the handler has succeeded, whatever fails around it or behind it: it has had its effect. */
  hasActed: boolean;
  /** Commits what the handler has done, with its result and the notifications that it has emitted. */
  settle(result: unknown, envelopes: readonly Envelope[]): Promise<void>;
}

/**
 * Runs a part of a step within its middlewares, and settles it. Resolves when what follows from it is done
 * too; an error after it was settled tells of that.
 */
export type StepRun = (message: AnyMessage, call: StepCall) => Promise<void>;
