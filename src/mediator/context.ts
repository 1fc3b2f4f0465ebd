import type {
  AnyEvent,
  AnyMessage,
  AnyRequest,
  AnyStreamRequest,
  ItemOf,
  MessageMetadata,
  ResultOf,
} from "../message/mod.ts";
import type { Token } from "./container.ts";
import type { ItemStream } from "./item_stream.ts";
import type { Middleware } from "./middleware.ts";
import type { ObserverEvent } from "./observer.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/** How a request is sent or a stream opened. */
export interface CallOptions {
  /**
   * Cancels the call: its handler's signal aborts, and the call rejects at once
   * with the signal's reason. What a handler has brought to success before is
   * not undone: its events are dispatched and published to their end.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * A middleware for this call alone, outside of all others: one that opens a unit of work makes the call a
   * part of it. Not for streams.
   *
   * @default none
   */
  readonly around?: Middleware | undefined;
}

/** How an event is dispatched that came from outside. */
export interface DispatchOptions {
  /** Cancels the handlers, if there is something around them; otherwise it is looked at before they start. @default never */
  readonly signal?: AbortSignal | undefined;
  /**
   * A middleware around all handlers of the event together, outside of all others. They run one after the
   * other then, until one fails, and the call fails with what that has thrown.
   *
   * @default none: they run concurrently, each by itself
   */
  readonly around?: Middleware | undefined;
}

/**
 * What a handler receives beside the data of its message. It belongs to one run
 * of one handler; middlewares may add to it. Its members may be taken out
 * (`({ userId }, { emit }) => …`), but it cannot be spread, as they are made when
 * they are taken.
 */
export interface Context {
  /** The message being handled. */
  readonly message: AnyMessage;
  /** The id of the message. */
  readonly id: string;
  /** The metadata of the message, with the correlation and causation that follow from where it was sent or emitted. */
  readonly metadata: MessageMetadata;
  /** Aborts when the caller does, when the reader of a stream leaves, or when a time limit passes. */
  readonly signal: AbortSignal;
  /**
   * Emits events: they are kept if this run of the handler succeeds and dropped
   * if it throws.
   *
   * @throws {HandlerSettledError} If the run has settled or was cancelled.
   * @throws {NoPublisherError} If a notification is emitted with neither a broker nor a storage, outside of a
   * unit of work.
   * @throws {MessageEncodeError} If a notification cannot be encoded.
   */
  readonly emit: (...events: readonly AnyEvent[]) => void;
  /**
   * Sends another request of the same application. It is cancelled with this
   * handler and shares its scope of services. What it emits in a unit of work that
   * is open here becomes a part of this run. Its type is looked up at run time;
   * inject a `Sender` for a checked one.
   */
  readonly send: <R extends AnyRequest>(request: R, options?: CallOptions) => Promise<ResultOf<R>>;
  /** Opens another stream of the same application, as {@linkcode Context.send} sends. */
  readonly stream: <R extends AnyStreamRequest>(
    request: R,
    options?: CallOptions,
  ) => ItemStream<ItemOf<R>>;
  /** Gives a service of the container, in the scope that the application's strategy decides. */
  readonly resolve: <T>(token: Token<T>) => Promise<T>;
}

/** What a middleware receives: the context of the handler that it wraps, without `emit`. */
export interface MiddlewareContext extends Omit<Context, "emit"> {
  /** Tells the application's observer what happened. */
  readonly report: (event: ObserverEvent) => void;
  /**
   * The units of work that are open around this run, the innermost first: those of
   * middlewares further out, and those within which the handler stood that sent this
   * request, or whose event this is. A middleware finds its own there, to join it.
   */
  readonly unitsOfWork: readonly UnitOfWork[];
  /**
   * Settles as the commit of the unit of work of this call does. It is `undefined` until
   * that begins, and again once it has failed.
   *
   * A middleware that gives up on `next()` without waiting for it, as a time limit does, looks
   * here first: what is committed must not be reported as failed.
   */
  readonly committed: Promise<unknown> | undefined;
}
