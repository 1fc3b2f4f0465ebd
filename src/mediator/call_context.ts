import { SluiceError } from "../errors.ts";
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
import type { CallOptions, Context, MiddlewareContext } from "./context.ts";
import type { Frame } from "./frame.ts";
import type { ItemStream } from "./item_stream.ts";
import type { ObserverEvent } from "./observer.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/** A handler emitted an event after its run had settled or was cancelled, so nobody waits for it any more. */
export class HandlerSettledError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "HandlerSettledError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "handler_settled";
  /** The type of the event that was refused. */
  readonly messageType: string;

  /** Creates the error for an event of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot emit "${messageType}" as its handler has settled or was cancelled`, options);
    this.messageType = messageType;
  }
}

/**
 * What handlers and middlewares see of a {@linkcode Frame}. Its members are
 * made when they are taken, because most handlers take few.
 */
export class CallContext implements Context, MiddlewareContext {
  readonly #frame: Frame;

  constructor(frame: Frame, additions: object | undefined) {
    this.#frame = frame;
    // The rest stands apart so that this is short enough for engines to inline it: every call comes by.
    if (additions !== undefined) this.#extend(additions);
  }

  #extend(additions: object): void {
    const own = this as Record<string, unknown>;
    const added = additions as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(added)) {
      if (name in CallContext.prototype) {
        throw new TypeError(`Cannot add "${name}" to the context as every context has it`);
      }
      own[name] = added[name];
    }
  }

  get message(): AnyMessage {
    return this.#frame.message;
  }

  get id(): string {
    return this.#frame.message.metadata.id;
  }

  get metadata(): MessageMetadata {
    return this.#frame.metadata;
  }

  get signal(): AbortSignal {
    return this.#frame.signal;
  }

  get emit(): (...events: readonly AnyEvent[]) => void {
    const frame = this.#frame;
    frame.expectEmissions();
    return (...events) => {
      for (const event of events) frame.emit(event);
    };
  }

  get send(): <R extends AnyRequest>(request: R, options?: CallOptions) => Promise<ResultOf<R>> {
    const frame = this.#frame;
    return (request, options) => frame.runtime.send(request, within(frame, options), frame);
  }

  get stream(): <R extends AnyStreamRequest>(
    request: R,
    options?: CallOptions,
  ) => ItemStream<ItemOf<R>> {
    const frame = this.#frame;
    return (request, options) => frame.runtime.stream(request, within(frame, options), frame);
  }

  get resolve(): <T>(token: Token<T>) => Promise<T> {
    const frame = this.#frame;
    return (token) => frame.scope.resolve(token);
  }

  get report(): (event: ObserverEvent) => void {
    const { runtime } = this.#frame;
    return (event) => runtime.report?.(event);
  }

  get unitsOfWork(): readonly UnitOfWork[] {
    return this.#frame.units.map(({ ties }) => ties.work as UnitOfWork);
  }

  get committed(): Promise<unknown> | undefined {
    return this.#frame.committed;
  }
}

/** The options of a call that is cancelled with the frame that makes it. */
function within({ cancellation }: Frame, options: CallOptions = {}): CallOptions {
  if (cancellation === undefined) return options;
  const { signal } = options;
  return { signal: signal === undefined ? cancellation : AbortSignal.any([signal, cancellation]) };
}
