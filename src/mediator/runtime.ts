import type {
  AnyRequest,
  AnyStreamRequest,
  Envelope,
  ItemOf,
  Notification,
  ResultOf,
} from "../message/mod.ts";
import type { Emission } from "./emission.ts";
import type { Frame } from "./frame.ts";
import type { CallOptions } from "./context.ts";
import type { ItemStream } from "./item_stream.ts";
import type { ObserverEvent } from "./observer.ts";

/** What a running call needs of its application. */
export interface Runtime {
  /** Tells the observer, if there is one. */
  readonly report: ((event: ObserverEvent) => void) | undefined;
  /** Fixes the final form of a notification; throws when there is nothing that could take it. */
  envelope(message: Notification, cause: Frame | undefined): Envelope | Promise<Envelope>;
  /** Dispatches what was emitted before the commit of the unit of work that `host` was opened for, and gives the notifications. */
  followInside(host: Frame, result: unknown): Promise<readonly Emission[]>;
  send<R extends AnyRequest>(
    request: R,
    options?: CallOptions,
    cause?: Frame,
  ): Promise<ResultOf<R>>;
  stream<R extends AnyStreamRequest>(
    request: R,
    options?: CallOptions,
    cause?: Frame,
  ): ItemStream<ItemOf<R>>;
}
