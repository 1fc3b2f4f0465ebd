import type { Codec } from "./codec.ts";
import { MessageEncodeError } from "./codec.ts";
import type { MessageMetadata, Notification } from "./message.ts";

/**
 * A message in transit: its body as final bytes, and around it the attributes
 * that brokers, stores and consumers need without decoding it. The names follow
 * CloudEvents 1.0 where it has one.
 */
export interface Envelope {
  /** Identifies the message; consumers recognise duplicates by it. */
  readonly id: string;
  /** The name of the message on its topic. */
  readonly type: string;
  /** The topic that it is published to. */
  readonly topic: string;
  /** What published it: a URI reference. */
  readonly source: string;
  /** When it was created. */
  readonly time: Date;
  /** The partition key: messages with the same key keep their order. */
  readonly key?: string | undefined;
  /** Identifies the conversation. */
  readonly correlationId: string;
  /** The id of the message that led to it. */
  readonly causationId?: string | undefined;
  /** The trace context, as W3C defines it. */
  readonly traceparent?: string | undefined;
  /** The version of the schema of the data. */
  readonly schemaVersion?: string | undefined;
  /** The media type of the body. */
  readonly contentType: string;
  /** Headers of the application's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** The encoded data. */
  readonly body: Uint8Array;
}

/** How {@linkcode toEnvelope} fills in what a message does not say itself. */
export interface EnvelopeOptions {
  /** Encodes the data, unless the notification has a codec of its own. */
  readonly codec: Codec;
  /** What publishes the message: a URI reference. */
  readonly source: string;
  /** The metadata to use, when it is more than the message's own. @default {message.metadata} */
  readonly metadata?: MessageMetadata;
}

/**
 * Fixes the final bytes and attributes of a notification.
 *
 * It answers at once when the codec does, so that a failure surfaces in the
 * line that emits; a codec that works asynchronously makes it a promise.
 *
 * @throws {MessageEncodeError} If the codec cannot encode the data.
 */
export function toEnvelope(
  message: Notification,
  { source, metadata = message.metadata, ...options }: EnvelopeOptions,
): Envelope | Promise<Envelope> {
  const codec = message.codec ?? options.codec;
  const wrap = (body: Uint8Array): Envelope => ({
    id: metadata.id,
    type: message.wireType,
    topic: message.topic,
    source,
    time: metadata.time,
    key: metadata.key,
    correlationId: metadata.correlationId ?? metadata.id,
    causationId: metadata.causationId,
    traceparent: metadata.traceparent,
    schemaVersion: message.schemaVersion,
    contentType: codec.contentType,
    headers: metadata.headers,
    body,
  });
  const fail = (cause: unknown): never => {
    throw new MessageEncodeError(message.type, { cause });
  };
  try {
    const body = codec.encode(message.data);
    return body instanceof Promise ? body.then(wrap, fail) : wrap(body);
  } catch (error) {
    return fail(error);
  }
}
