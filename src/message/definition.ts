import type {
  AnyMessage,
  Command,
  DomainEvent,
  MetadataInit,
  Notification,
  Query,
  StreamRequest,
} from "./message.ts";
import type { Codec } from "./codec.ts";
import { type MessageTraits, MessageValue, NotificationValue } from "./message_value.ts";
import type { AnySchema, InputOf, JsonOf, OutputOf, StandardSchema } from "./schema.ts";
import { validate } from "./validation.ts";

/** The arguments that make a message with data of type `D`; data of type `void` may be left out. */
export type MessageArguments<D> = undefined extends D ? [data?: D, metadata?: MetadataInit]
  : [data: D, metadata?: MetadataInit];

/**
 * Makes messages of one type, and knows everything about them that is decided
 * once: their wire name, their schema and the type of their answer.
 *
 * Calling it does not validate: types guard the inside. {@linkcode Definition.parse}
 * guards the edges.
 *
 * @typeParam M The type of the messages.
 */
export interface Definition<M extends AnyMessage> {
  /** Makes a message of `data`, with metadata of its own if given. */
  (...args: MessageArguments<M["data"]>): M;
  /** What the messages are to their handlers. */
  readonly kind: M["kind"];
  /** The name that they have in the registry. */
  readonly type: M["type"];
  /** What validates their data; `undefined` for messages without data. */
  readonly schema: StandardSchema<unknown, M["data"]> | undefined;
  /**
   * What validates their results or items where these leave the process;
   * `undefined` when a type alone describes them.
   */
  readonly answerSchema: AnySchema | undefined;
  /**
   * Resolves to a message of data that came from outside.
   *
   * @throws {MessageValidationError} If the data does not fit the schema.
   */
  parse(data: unknown, metadata?: MetadataInit): Promise<M>;
}

/** Defines a command: an intent that one handler answers with `R`. */
export interface CommandDefinition<N extends string, D, R> extends Definition<Command<N, D, R>> {
  /** Gives the definition another type of result. */
  returns<R2>(): CommandDefinition<N, D, R2>;
  /** Gives the definition a result that a schema describes, and validates where it leaves the process; it must accept what it gives. */
  returns<S extends AnySchema>(result: S): CommandDefinition<N, D, OutputOf<S>>;
}

/** Defines a query: a question that one handler answers with `R`. */
export interface QueryDefinition<N extends string, D, R> extends Definition<Query<N, D, R>> {
  /** Gives the definition another type of result. */
  returns<R2>(): QueryDefinition<N, D, R2>;
  /** Gives the definition a result that a schema describes, and validates where it leaves the process; it must accept what it gives. */
  returns<S extends AnySchema>(result: S): QueryDefinition<N, D, OutputOf<S>>;
}

/** Defines a streaming request: one handler answers it with items of type `I`. */
export interface StreamRequestDefinition<N extends string, D, I>
  extends Definition<StreamRequest<N, D, I>> {
  /** Gives the definition another type of item. */
  yields<I2>(): StreamRequestDefinition<N, D, I2>;
  /** Gives the definition items that a schema describes, and validates where they leave the process; it must accept what it gives. */
  yields<S extends AnySchema>(item: S): StreamRequestDefinition<N, D, OutputOf<S>>;
}

/** Defines a domain event: a fact that any number of handlers in this process react to. */
export type DomainEventDefinition<N extends string, D> = Definition<DomainEvent<N, D>>;

/** Defines a notification: a fact that leaves the process through a broker. */
export interface NotificationDefinition<N extends string, D>
  extends Definition<Notification<N, D>> {
  /** The topic that the notifications are published to. */
  readonly topic: string;
  /** The name that they bear on the topic. */
  readonly wireType: string;
  /** The version of their data's schema, if it has one. */
  readonly schemaVersion: string | undefined;
  /** Encodes and decodes their data; `undefined` leaves that to who publishes and consumes them. */
  readonly codec: Codec | undefined;
}

/** Defines a command without data. */
export function command<const N extends string>(type: N): CommandDefinition<N, void, void>;
/**
 * Defines a command: an intent to change something, answered by one handler.
 *
 * @param type The wire name. Always written out, because minifiers rename classes.
 * @param data Any Standard Schema, or {@linkcode type} for a type alone.
 *
 * @example A command with a schema and a result
 * ```ts
 * import { command } from "@sluice/cqrs";
 * import { z } from "zod";
 * import assert from "node:assert/strict";
 *
 * const OpenAccount = command("account.open", z.object({ owner: z.string() })).returns<{ id: string }>();
 * assert.deepEqual(OpenAccount({ owner: "Ada" }).data, { owner: "Ada" });
 * await assert.rejects(OpenAccount.parse({ owner: 7 }), { code: "message_validation" });
 * ```
 */
export function command<const N extends string, S extends AnySchema>(
  type: N,
  data: S,
): CommandDefinition<N, OutputOf<S>, void>;
export function command(type: string, data?: AnySchema): unknown {
  return requestDefinition("command", type, data, undefined);
}

/** Defines a query without data. */
export function query<const N extends string>(type: N): QueryDefinition<N, void, void>;
/**
 * Defines a query: a question that changes nothing, answered by one handler.
 *
 * @param type The wire name.
 * @param data Any Standard Schema, or {@linkcode type} for a type alone.
 */
export function query<const N extends string, S extends AnySchema>(
  type: N,
  data: S,
): QueryDefinition<N, OutputOf<S>, void>;
export function query(type: string, data?: AnySchema): unknown {
  return requestDefinition("query", type, data, undefined);
}

/** Defines a streaming request without data. */
export function streamRequest<const N extends string>(
  type: N,
): StreamRequestDefinition<N, void, void>;
/**
 * Defines a streaming request: one handler answers it with items, at the pace
 * at which they are read.
 *
 * @param type The wire name.
 * @param data Any Standard Schema, or {@linkcode type} for a type alone.
 */
export function streamRequest<const N extends string, S extends AnySchema>(
  type: N,
  data: S,
): StreamRequestDefinition<N, OutputOf<S>, void>;
export function streamRequest(type: string, data?: AnySchema): unknown {
  return streamDefinition(type, data, undefined);
}

/** Defines a domain event without data. */
export function domainEvent<const N extends string>(type: N): DomainEventDefinition<N, void>;
/**
 * Defines a domain event: a fact that stays in this process, where any number
 * of handlers react to it.
 *
 * @param type The wire name.
 * @param data Any Standard Schema, or {@linkcode type} for a type alone.
 */
export function domainEvent<const N extends string, S extends AnySchema>(
  type: N,
  data: S,
): DomainEventDefinition<N, OutputOf<S>>;
export function domainEvent(type: string, data?: AnySchema): unknown {
  const traits = { kind: "event", type } as const;
  return define(traits, data, (value, metadata) => new MessageValue(traits, value, metadata), {});
}

/**
 * `unknown` when data of the schema survives JSON: what was published can be
 * read again with the same schema. Otherwise a type that nothing fits.
 */
export type SurvivesJson<S extends AnySchema> = JsonOf<OutputOf<S>> extends InputOf<S> ? unknown
  : { readonly "the schema cannot read its own output after JSON": JsonOf<OutputOf<S>> };

/** How {@linkcode notification} describes what leaves the process. */
export interface NotificationOptions<S extends AnySchema> {
  /** The topic to publish to. */
  readonly topic: string;
  /** Any Standard Schema that can read its own output after JSON, or {@linkcode type} for a type alone. */
  readonly data: S;
  /** Gives the partition key; the broker keeps the order of notifications with the same key. @default no key */
  readonly key?: (data: OutputOf<S>) => string;
  /** The name on the wire; consumers decode by (topic, wire type). @default {type} */
  readonly wireType?: string;
  /** The version of the schema of the data, passed on to consumers. @default none */
  readonly schemaVersion?: string;
  /** Encodes the data, so that one topic or outbox can hold several formats. @default that of whoever publishes */
  readonly codec?: Codec;
}

/**
 * Defines a notification: a fact that leaves the process through a broker or
 * an outbox, and never runs handlers of the process that emits it.
 *
 * @param type The name in this process' registry.
 *
 * @example Two notifications with one wire name on two topics
 * ```ts
 * import { notification, type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const UserJoined = notification("user.joined", {
 *   topic: "user_notification_events",
 *   data: type<{ meetingId: string; userId: string }>(),
 *   key: (data) => data.meetingId,
 * });
 * const UserJoinedState = notification("user.joined.state", {
 *   topic: "user_ecst_events",
 *   wireType: "user.joined",
 *   data: type<{ userId: string; name: string }>(),
 * });
 * assert.equal(UserJoined({ meetingId: "m1", userId: "u1" }).metadata.key, "m1");
 * assert.equal(UserJoinedState({ userId: "u1", name: "Ada" }).wireType, "user.joined");
 * ```
 */
export function notification<const N extends string, S extends AnySchema>(
  type: N,
  options: NotificationOptions<S> & { readonly data: SurvivesJson<NoInfer<S>> },
): NotificationDefinition<N, OutputOf<S>>;
export function notification<S extends AnySchema>(
  type: string,
  { topic, data, key, wireType = type, schemaVersion, codec }: NotificationOptions<S>,
): unknown {
  const traits = {
    kind: "notification",
    type,
    topic: named("topic", topic, `notification "${type}"`),
    wireType: named("wireType", wireType, `notification "${type}"`),
    schemaVersion,
    codec,
    key,
  } as const;
  return define(traits, data, (value, metadata) => new NotificationValue(traits, value, metadata), {
    topic,
    wireType,
    schemaVersion,
    codec,
  });
}

function requestDefinition(
  kind: "command" | "query",
  type: string,
  data: AnySchema | undefined,
  answerSchema: AnySchema | undefined,
): unknown {
  const traits = { kind, type };
  return define(traits, data, (value, metadata) => new MessageValue(traits, value, metadata), {
    answerSchema,
    returns: (result?: AnySchema) => requestDefinition(kind, type, data, result),
  });
}

function streamDefinition(
  type: string,
  data: AnySchema | undefined,
  answerSchema: AnySchema | undefined,
): unknown {
  const traits = { kind: "stream", type } as const;
  return define(traits, data, (value, metadata) => new MessageValue(traits, value, metadata), {
    answerSchema,
    yields: (item?: AnySchema) => streamDefinition(type, data, item),
  });
}

function named(option: string, name: unknown, of: string): string {
  if (typeof name === "string" && name !== "") return name;
  throw new TypeError(
    `Cannot define ${of} as "${option}" must be a non-empty string: ${String(name)}`,
  );
}

/**
 * Makes the definition of the start of a saga, with whatever else is to be a part of it.
 *
 * @throws {TypeError} If the type is no name.
 */
export function sagaRequestDefinition(
  type: string,
  data: AnySchema | undefined,
  more: object,
): unknown {
  const traits = { kind: "saga", type } as const;
  return define(traits, data, (value, metadata) => new MessageValue(traits, value, metadata), more);
}

/** Puts a definition together; the overloads above state its type. */
function define(
  traits: MessageTraits,
  schema: AnySchema | undefined,
  create: (data: unknown, metadata?: MetadataInit) => unknown,
  more: object,
): unknown {
  named("type", traits.type, `a ${traits.kind}`);
  return Object.assign(create, {
    kind: traits.kind,
    type: traits.type,
    schema,
    answerSchema: undefined,
    async parse(data: unknown, metadata?: MetadataInit): Promise<unknown> {
      return create(schema && await validate(traits.type, schema, data), metadata);
    },
    ...more,
  });
}
