import { SluiceError } from "../errors.ts";

/** Turns the data of messages into bytes and back. */
export interface Codec {
  /** The media type of the bytes. */
  readonly contentType: string;
  /** Encodes `data`; whatever it throws reaches the caller as the cause of a {@linkcode MessageEncodeError}. */
  encode(data: unknown): Uint8Array | Promise<Uint8Array>;
  /**
   * Decodes `bytes`; whatever it throws reaches the caller as the cause of a {@linkcode MessageDecodeError}.
   * If what it throws has an `isTransient` that is `true`, as when a schema registry does not answer, a
   * consumer tries again and holds nothing against the message.
   */
  decode(bytes: Uint8Array): unknown | Promise<unknown>;
}

/** The data of a message cannot be turned into bytes. */
export class MessageEncodeError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "MessageEncodeError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "message_encode";
  /** The type of the message. */
  readonly messageType: string;

  /** Creates the error; `options.cause` is what the codec threw. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot encode the data of "${messageType}"`, options);
    this.messageType = messageType;
  }
}

/** Bytes cannot be turned into the data of a message. */
export class MessageDecodeError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "MessageDecodeError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "message_decode";
  /** The type of the message, where it is known. */
  readonly messageType: string | undefined;
  /** The bytes as they came. */
  readonly bytes: Uint8Array;

  /** Creates the error; `options.cause` is what the codec threw. */
  constructor(bytes: Uint8Array, messageType?: string, options?: ErrorOptions) {
    super(`Cannot decode ${bytes.length} bytes as data of "${messageType ?? "unknown"}"`, options);
    this.bytes = bytes;
    this.messageType = messageType;
  }
}

/**
 * Encodes data as JSON in UTF-8. Refuses data that JSON has no form for at its
 * top: `undefined` and functions.
 *
 * @example A round trip
 * ```ts
 * import { jsonCodec } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const codec = jsonCodec();
 * const bytes = await codec.encode({ userId: "u1" });
 * assert.deepEqual(await codec.decode(bytes), { userId: "u1" });
 * ```
 */
export function jsonCodec(): Codec {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    contentType: "application/json",
    encode(data) {
      const text: string | undefined = JSON.stringify(data);
      if (text === undefined) throw new TypeError(`Cannot encode ${typeof data} as JSON`);
      return encoder.encode(text);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)),
  };
}
