import type { AnyDefinition } from "../mediator/mod.ts";
import {
  type AnyMessage,
  type Codec,
  decompressBody,
  type Definition,
  type Envelope,
  MessageDecodeError,
  type MetadataInit,
  type NotificationDefinition,
} from "../message/mod.ts";

type Notification = NotificationDefinition<string, unknown>;

/** Finds out what messages from a broker are. */
export class MessageReader {
  readonly #notifications: Map<string, Notification> = new Map();
  readonly #commands: Map<string, Definition<AnyMessage>> = new Map();
  readonly #codec: Codec;

  constructor(definitions: readonly AnyDefinition[], codec: Codec) {
    this.#codec = codec;
    for (const definition of definitions) {
      if (isNotification(definition)) {
        this.#notifications.set(nameOf(definition.topic, definition.wireType), definition);
      } else if (definition.kind === "command") {
        this.#commands.set(definition.type, definition as Definition<AnyMessage>);
      }
    }
  }

  /** Whether the application handles messages of this name on this topic. */
  handles(envelope: Envelope): boolean {
    return this.#notificationOf(envelope) !== undefined || this.#commands.has(envelope.type);
  }

  /**
   * Resolves to the message.
   *
   * @throws {TypeError} If the application handles none of this name on this topic.
   * @throws {MessageDecodeError} If the bytes make no sense.
   * @throws {MessageValidationError} If the data does not fit the schema.
   */
  async read(envelope: Envelope): Promise<AnyMessage> {
    const notification = this.#notificationOf(envelope);
    const definition = notification ?? this.#commands.get(envelope.type);
    if (definition === undefined) {
      throw new TypeError(`Cannot handle "${envelope.type}" as nothing handles it`);
    }
    const { data, plain } = await decode(envelope, notification?.codec ?? this.#codec);
    return await definition.parse(data, metadataOf(plain));
  }

  #notificationOf({ topic, type }: Envelope): Notification | undefined {
    return this.#notifications.get(nameOf(topic, type));
  }
}

async function decode(
  envelope: Envelope,
  codec: Codec,
): Promise<{ readonly data: unknown; readonly plain: Envelope }> {
  try {
    const plain = await decompressBody(envelope);
    return { data: await codec.decode(plain.body), plain };
  } catch (cause) {
    throw new MessageDecodeError(envelope.body, envelope.type, { cause });
  }
}

function metadataOf(envelope: Envelope): MetadataInit {
  const { id, time, key, correlationId, causationId, traceparent, headers } = envelope;
  return { id, time, key, correlationId, causationId, traceparent, headers };
}

function isNotification(definition: AnyDefinition): definition is Notification {
  return definition.kind === "notification";
}

function nameOf(topic: string, type: string): string {
  return JSON.stringify([topic, type]);
}
