import type { Envelope } from "../message/mod.ts";

/** A message as a broker carries it: a body, and texts beside it. */
export interface WireMessage {
  /** The partition key, for brokers that have one. */
  readonly key: string | undefined;
  /** The media type of the body, if it is said. */
  readonly contentType: string | undefined;
  /** Everything else. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes. */
  readonly body: Uint8Array;
}

/** What a broker knows of a message beside its contents. */
export interface WireContext {
  /** The topic, queue or exchange that it came from. */
  readonly topic: string;
  /** An id that is the same whenever the broker delivers it, for messages that bring none. */
  readonly fallbackId: string;
  /** When the broker took it, or when it was sent. */
  readonly time: Date | undefined;
}

/**
 * How envelopes are written into messages of a broker, and read from them. Both ends of a topic have to
 * use the same. It does not look into bodies that codecs have made, unless its peers do.
 */
export interface WireFormat {
  /**
   * Writes an envelope.
   *
   * @throws If it cannot be said in this format.
   */
  write(envelope: Envelope): WireMessage;
  /**
   * Reads an envelope.
   *
   * @throws If the message is not in this format. It goes to the dead letters, with what was thrown.
   */
  read(message: WireMessage, context: WireContext): Envelope;
}

/** A message that its format cannot read: what is known of it, to be kept with the error. */
export function unreadEnvelope(
  { key, contentType, headers, body }: WireMessage,
  { topic, fallbackId, time }: WireContext,
): Envelope {
  return {
    id: fallbackId,
    type: "",
    topic,
    source: "",
    time: time ?? new Date(0),
    key,
    correlationId: fallbackId,
    contentType: contentType ?? "application/octet-stream",
    headers,
    body,
  };
}

/**
 * What {@linkcode unreadEnvelope} made, as a message again: nobody knows its attributes, so it is to stay
 * as it came. `undefined` for all other envelopes.
 */
export function asItCame(
  { type, key, contentType, headers, body }: Envelope,
): WireMessage | undefined {
  return type === "" ? { key, contentType, headers, body } : undefined;
}
