import { SluiceError } from "../errors.ts";
import type {
  AnyEvent,
  AnyMessage,
  AnyRequest,
  AnyStreamRequest,
  ItemOf,
  ResultOf,
} from "../message/mod.ts";
import type { CallOptions, DispatchOptions } from "./context.ts";
import type { ItemStream } from "./item_stream.ts";
import type { AnyDefinition, HandlerModule } from "./registry.ts";
import type { Sagas } from "./sagas.ts";

/**
 * Sends commands and queries.
 *
 * @typeParam M The messages that it can send; a sender of more can stand in for one of fewer.
 */
export interface Sender<in M extends AnyMessage> {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /**
   * Runs the handler of a command or query, then everything that follows from
   * it, and resolves to the handler's result.
   *
   * @throws {HandlerNotFoundError} If nothing handles the request.
   * @throws {EventHandlingError} If the handler succeeded and something that followed failed.
   * @throws The reason of `options.signal`, as soon as it aborts; and whatever the handler throws, unchanged.
   */
  send<R extends M & AnyRequest>(request: R, options?: CallOptions): Promise<ResultOf<R>>;
}

/**
 * Opens streams.
 *
 * @typeParam M The messages that it can answer.
 */
export interface Streamer<in M extends AnyMessage> {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /**
   * Gives the items of a streaming request as they are asked for; errors come
   * from the iteration, never from the call itself.
   */
  stream<R extends M & AnyStreamRequest>(request: R, options?: CallOptions): ItemStream<ItemOf<R>>;
}

/**
 * Runs the handlers of events that came from outside.
 *
 * @typeParam M The messages that it can dispatch.
 */
export interface EventDispatcher<in M extends AnyMessage> {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /**
   * Runs the local handlers of an event, also of a notification that a broker
   * delivered, and everything that follows.
   *
   * @throws {HandlerNotFoundError} If nothing handles the event.
   * @throws {EventHandlingError} If a handler or something that followed failed.
   */
  dispatch<E extends M & AnyEvent>(event: E, options?: DispatchOptions): Promise<void>;
}

/**
 * An application: everything that its registry binds, ready to run.
 *
 * @typeParam M The messages that it handles.
 */
export interface App<in M extends AnyMessage>
  extends Sender<M>, Streamer<M>, EventDispatcher<M>, AsyncDisposable {
  /** Carries the type of the messages; never present at run time. */
  readonly handles?: ((message: M) => void) | undefined;
  /** The definitions of what it handles, each once. */
  readonly definitions: readonly AnyDefinition[];
  /**
   * The sagas of its storage.
   *
   * @throws {TypeError} If it has no saga.
   */
  readonly sagas: Sagas;
  /**
   * Emits an event from outside any handler: a domain event goes to its
   * handlers, a notification to the storage or else to the broker.
   *
   * @throws {EventHandlingError} If a handler failed, or the storage or the broker did not take it.
   * @throws {NoPublisherError} If it is a notification and neither a storage nor a broker is configured.
   */
  emit(event: AnyEvent): Promise<void>;
  /**
   * Runs the start-up functions, once. Every call waits for them, so that this
   * is needed only to have them run early. When one fails, the next call runs
   * it again.
   *
   * @throws {AppClosedError} If the application is disposed and had not started.
   */
  start(): Promise<void>;
  /**
   * Refuses new calls, ends open streams as if their caller had aborted, waits
   * for the calls in flight, and runs the shutdown functions. A handler must
   * not wait for it, as it waits for the handler. What was handed to the
   * application stays open: whoever opened it closes it.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The type of the application that `bootstrap` makes of a registry, to be
 * written where the application is passed on.
 *
 * @typeParam R The type of the registry.
 *
 * @example A function that takes the application
 * ```ts
 * import { type AppOf, handlers, query } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Count = query("count").returns<number>();
 * const registry = handlers().on(Count, () => 3);
 *
 * function report(app: AppOf<typeof registry>): Promise<number> {
 *   return app.send(Count());
 * }
 * assert.equal(typeof report, "function");
 * ```
 */
export type AppOf<R> = R extends HandlerModule<infer M, never> ? App<M> : never;

/** Nothing handles a message. */
export class HandlerNotFoundError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "HandlerNotFoundError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "handler_not_found";
  /** The type of the message. */
  readonly messageType: string;

  /** Creates the error for a message of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot handle "${messageType}" as no handler is registered for it`, options);
    this.messageType = messageType;
  }
}

/** A message that one handler answers has two. */
export class DuplicateHandlerError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "DuplicateHandlerError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "duplicate_handler";
  /** The type of the message. */
  readonly messageType: string;

  /** Creates the error for a message of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot handle "${messageType}" twice`, options);
    this.messageType = messageType;
  }
}

/** The application has been disposed. */
export class AppClosedError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "AppClosedError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "app_closed";

  /** Creates the error. */
  constructor(options?: ErrorOptions) {
    super("Cannot take another call as the application is disposed", options);
  }
}
