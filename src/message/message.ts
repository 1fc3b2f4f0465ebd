import type { Codec } from "./codec.ts";

/**
 * What a message is to its handlers: a command or query is answered once, a
 * stream with many items, an event stays in the process, a notification goes
 * to the broker. A saga is answered either way, and each of its steps is a
 * message of its own to middlewares.
 */
export type MessageKind =
  | "command"
  | "query"
  | "stream"
  | "event"
  | "notification"
  | "saga"
  | "step";

/** Wraps the type of an answer, so that `void` and `undefined` in it survive an optional property. */
export interface Answer<A> {
  /** The type itself. */
  readonly of: A;
}

/** What accompanies the data of a message. */
export interface MessageMetadata {
  /** Identifies the message: a UUID of version 7 unless one was given. Consumers recognise duplicates by it. */
  readonly id: string;
  /** When the message was created. */
  readonly time: Date;
  /** The partition key of a notification: the broker keeps the order of messages with the same key. */
  readonly key?: string | undefined;
  /** Identifies the whole conversation; by default the id of its first message. */
  readonly correlationId?: string | undefined;
  /** The id of the message whose handling led to this one. */
  readonly causationId?: string | undefined;
  /** The trace context, as W3C defines it. */
  readonly traceparent?: string | undefined;
  /** Headers of the application's own. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The metadata that a caller may set on one message; the rest is filled in. */
export type MetadataInit = Partial<MessageMetadata>;

/**
 * A message: a value with a wire name, never an instance of a user's class.
 *
 * @typeParam K The kind.
 * @typeParam N The wire name.
 * @typeParam D The data.
 * @typeParam A The answer: the result of a request or the item of a stream.
 */
export interface Message<
  K extends MessageKind = MessageKind,
  N extends string = string,
  D = unknown,
  A = unknown,
> {
  /** What the message is to its handlers. */
  readonly kind: K;
  /** The name that the message has in the registry, stable across versions and processes. */
  readonly type: N;
  /** What the message says. */
  readonly data: D;
  /** Its id, time, keys and headers. */
  readonly metadata: MessageMetadata;
  /** Carries the type of the answer; never present at run time. */
  readonly "~answer"?: Answer<A> | undefined;
}

/** Any message. */
export type AnyMessage = Message;

/** An intent to change something, answered once with `R`. */
export type Command<N extends string = string, D = unknown, R = unknown> = Message<
  "command",
  N,
  D,
  R
>;

/** A question, answered once with `R`. */
export type Query<N extends string = string, D = unknown, R = unknown> = Message<"query", N, D, R>;

/** A request that is answered with any number of items `I`. */
export type StreamRequest<N extends string = string, D = unknown, I = unknown> = Message<
  "stream",
  N,
  D,
  I
>;

/** What a saga answers with: once when it is sent, step by step when it is streamed. */
export interface SagaAnswer<R, I> {
  /** What sending it resolves to. */
  readonly result: R;
  /** What streaming it gives. */
  readonly item: I;
}

/** The start of a saga: its data is what the steps work with at first, its id that of the saga. */
export type SagaRequest<N extends string = string, D = unknown, R = unknown, I = unknown> = Message<
  "saga",
  N,
  D,
  SagaAnswer<R, I>
>;

/** A fact that concerns this process alone. */
export type DomainEvent<N extends string = string, D = unknown> = Message<"event", N, D, void>;

/** A fact that leaves the process through a broker. */
export interface Notification<N extends string = string, D = unknown>
  extends Message<"notification", N, D, void> {
  /** The topic that it is published to. */
  readonly topic: string;
  /** The name that it bears on the topic; by default its `type`. */
  readonly wireType: string;
  /** The version of its data's schema, if it has one. */
  readonly schemaVersion?: string | undefined;
  /** Encodes its data; `undefined` leaves that to who publishes it. */
  readonly codec?: Codec | undefined;
}

/** Any request that is answered once. */
export type AnyRequest = Message<"command" | "query" | "saga">;

/** Any request that is answered with items. */
export type AnyStreamRequest = Message<"stream" | "saga">;

/** Any event, whether it stays in the process or leaves it. */
export type AnyEvent = DomainEvent | Notification;

/** The type of the messages that a definition makes; of a message, its own. */
export type MessageOf<T> = T extends (...args: never[]) => infer M ? M : T;

/** The type of the data of a message, or of the messages that a definition makes. */
export type DataOf<T> = MessageOf<T> extends { readonly data: infer D } ? D : never;

/** The type of the result of a request, or of those that a definition makes. */
export type ResultOf<T> = MessageOf<T> extends
  Message<"command" | "query", string, unknown, infer R> ? R
  : MessageOf<T> extends SagaRequest<string, unknown, infer R, unknown> ? R
  : never;

/** The type of the items of a streaming request or of a saga, or of those that a definition makes. */
export type ItemOf<T> = MessageOf<T> extends Message<"stream", string, unknown, infer I> ? I
  : MessageOf<T> extends SagaRequest<string, unknown, unknown, infer I> ? I
  : never;
