import {
  type Codec,
  compressBody,
  type CompressionOptions,
  type Envelope,
  jsonCodec,
  type Notification,
  type NotificationDefinition,
  toEnvelope,
} from "../message/mod.ts";
import { UnknownNotificationError } from "./storage_errors.ts";

/** What an outbox has to know of the definition of a notification, whatever its data. */
export type KnownNotification = Pick<
  NotificationDefinition<string, unknown>,
  "kind" | "type" | "topic" | "wireType"
>;

/** How the outbox of a storage takes messages, whatever its database. */
export interface OutboxOptions {
  /** Encodes notifications that have no codec of their own. @default {jsonCodec()} */
  readonly codec?: Codec;
  /** What publishes them, as a URI reference: the `source` of CloudEvents. @default {"/"} */
  readonly source?: string;
  /**
   * The notifications that it takes; others are refused where they are appended, within the
   * application's transaction.
   *
   * @default all
   */
  readonly notifications?: readonly KnownNotification[];
  /** Compresses bodies. @default not at all */
  readonly compression?: CompressionOptions;
  /**
   * Whether messages are kept after they have been published, for {@linkcode OutboxStore.purge} to
   * delete.
   *
   * @default {false}
   */
  readonly keepPublished?: boolean;
}

/** Makes the final form of messages that are to be stored. */
export class OutboxWriter {
  readonly #codec: Codec;
  readonly #source: string;
  readonly #compression: CompressionOptions | undefined;
  /** The type of the notification that has a name on a topic; `undefined` takes all. */
  readonly #known: ReadonlyMap<string, string> | undefined;

  /**
   * Creates a writer for the outbox of one storage.
   *
   * @throws {TypeError} If two notifications have the same name on the same topic.
   */
  constructor({ codec = jsonCodec(), source = "/", notifications, compression }: OutboxOptions) {
    this.#codec = codec;
    this.#source = source;
    this.#compression = compression;
    this.#known = notifications && knownNames(notifications);
  }

  /** Gives the messages in their final form, in their order. Nothing is stored if one is refused. */
  envelopes(messages: ReadonlyArray<Notification | Envelope>): Promise<readonly Envelope[]> {
    return Promise.all(messages.map((message) => this.#envelope(message)));
  }

  async #envelope(message: Notification | Envelope): Promise<Envelope> {
    if (!isEnvelope(message) && message?.kind !== "notification") {
      throw new TypeError(`Cannot store "${describe(message)}" as it is no notification`);
    }
    this.#check(message);
    const envelope = isEnvelope(message)
      ? message
      : await toEnvelope(message, { codec: this.#codec, source: this.#source });
    return this.#compression === undefined
      ? envelope
      : await compressBody(envelope, this.#compression);
  }

  #check(message: Notification | Envelope): void {
    if (this.#known === undefined) return;
    const { topic } = message;
    const wireType = isEnvelope(message) ? message.type : message.wireType;
    const type = this.#known.get(nameOf(topic, wireType));
    if (type === undefined || (!isEnvelope(message) && type !== message.type)) {
      throw new UnknownNotificationError(wireType, topic);
    }
  }
}

function knownNames(notifications: readonly KnownNotification[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { topic, wireType, type } of notifications) {
    const name = nameOf(topic, wireType);
    if (names.has(name)) {
      throw new TypeError(
        `Cannot tell notifications apart as two are "${wireType}" on topic "${topic}"`,
      );
    }
    names.set(name, type);
  }
  return names;
}

function nameOf(topic: string, wireType: string): string {
  return JSON.stringify([topic, wireType]);
}

function isEnvelope(message: Notification | Envelope): message is Envelope {
  return Object(message).body instanceof Uint8Array;
}

function describe(message: unknown): string {
  return String(Object(message).type ?? message);
}
