import type { Codec } from "./codec.ts";
import type {
  Message,
  MessageKind,
  MessageMetadata,
  MetadataInit,
  Notification,
} from "./message.ts";
import { uuidv7 } from "./uuid.ts";

/**
 * The metadata of a message that was sent or emitted while another was handled.
 *
 * @param cause The metadata of that other message, if there was one.
 */
export function metadataOf(message: Message, cause: MessageMetadata | undefined): MessageMetadata {
  const { metadata } = message;
  return {
    ...metadata,
    correlationId: metadata.correlationId ?? cause?.correlationId ?? metadata.id,
    causationId: metadata.causationId ?? cause?.id,
    traceparent: metadata.traceparent ?? cause?.traceparent,
  };
}

/**
 * A message with other data: all else is that of `message`, also its id.
 * Spreading a message is no way to get there, as it leaves the metadata behind.
 */
export function withData<M extends Message>(message: M, data: M["data"]): M {
  return { ...message, data, metadata: message.metadata };
}

/** What all messages of one definition share. */
export interface MessageTraits {
  readonly kind: MessageKind;
  readonly type: string;
  /** Gives the partition key of a notification. */
  readonly key?: ((data: never) => string) | undefined;
}

/** What all notifications of one definition share. */
export interface NotificationTraits extends MessageTraits {
  readonly kind: "notification";
  readonly topic: string;
  readonly wireType: string;
  readonly schemaVersion?: string | undefined;
  readonly codec?: Codec | undefined;
}

/**
 * The one implementation of {@linkcode Message}. It makes its metadata on
 * first use, because most commands and queries are handled without anybody
 * looking at it.
 */
export class MessageValue implements Message {
  readonly kind: MessageKind;
  readonly type: string;
  readonly data: unknown;
  readonly #key: ((data: never) => string) | undefined;
  readonly #init: MetadataInit | undefined;
  readonly #createdMs: number = Date.now();
  #metadata: MessageMetadata | undefined;

  constructor(traits: MessageTraits, data: unknown, init: MetadataInit | undefined) {
    this.kind = traits.kind;
    this.type = traits.type;
    this.data = data;
    this.#key = traits.key;
    this.#init = init;
  }

  get metadata(): MessageMetadata {
    return this.#metadata ??= this.#makeMetadata(this.#init ?? {});
  }

  /** Takes what metadata is, and nothing else: an envelope is metadata too, and has more. */
  #makeMetadata(init: MetadataInit): MessageMetadata {
    return {
      id: init.id ?? uuidv7(this.#createdMs),
      time: init.time ?? new Date(this.#createdMs),
      key: init.key ?? this.#key?.(this.data as never),
      correlationId: init.correlationId,
      causationId: init.causationId,
      traceparent: init.traceparent,
      headers: init.headers ?? {},
    };
  }
}

/** A message that leaves the process. */
export class NotificationValue extends MessageValue implements Notification {
  declare readonly kind: "notification";
  readonly topic: string;
  readonly wireType: string;
  readonly schemaVersion: string | undefined;
  readonly codec: Codec | undefined;

  constructor(traits: NotificationTraits, data: unknown, init: MetadataInit | undefined) {
    super(traits, data, init);
    this.topic = traits.topic;
    this.wireType = traits.wireType;
    this.schemaVersion = traits.schemaVersion;
    this.codec = traits.codec;
  }
}
