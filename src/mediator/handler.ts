import type { AnyMessage, Message } from "../message/mod.ts";
import type { CompositeHandler } from "./composite.ts";

/** What a handler of messages `M` may return; nothing for events and for requests without a result. */
export type AnswerOf<M> = M extends Message<"stream", string, unknown, infer I> ? AsyncIterable<I>
  : M extends Message<"command" | "query", string, unknown, infer R> ? R | Promise<R>
  : void | Promise<void>;

/** A handler as a function: an async generator for a streaming request, any function otherwise. */
export type HandlerFunction<M extends AnyMessage, C> = (data: M["data"], context: C) => AnswerOf<M>;

/** A handler as an object, or the instances of a handler class. */
export interface HandlerObject<M extends AnyMessage, C> {
  // Not written as a method, whose parameters TypeScript would compare in both directions.
  /** Handles one message. */
  readonly handle: (data: M["data"], context: C) => AnswerOf<M>;
}

/** A handler as a class, built by the container for each run. */
export type HandlerClass<M extends AnyMessage, C> = new (...args: never[]) => HandlerObject<M, C>;

/** Anything that handles messages `M` and needs the context `C`. */
export type Handler<M extends AnyMessage, C> =
  | HandlerFunction<M, C>
  | HandlerObject<M, C>
  | HandlerClass<M, C>
  | CompositeHandler<M, C>;

/** Any handler, as seen where its types no longer matter. */
export type AnyHandler =
  | ((data: never, context: never) => unknown)
  | { readonly handle: (data: never, context: never) => unknown }
  | (new (...args: never[]) => { readonly handle: (data: never, context: never) => unknown })
  | CompositeHandler<never, never>;
