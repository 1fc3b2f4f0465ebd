import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Codec } from "../message/mod.ts";
import { MessageBytes } from "./message_bytes.ts";

/** The media type of protobuf, as RFC 9996 registers it; `application/x-protobuf` is its former name. */
export const PROTOBUF_CONTENT_TYPE = "application/protobuf";

/** A codec for the messages of one protobuf type. */
export interface ProtobufCodec<Desc extends DescMessage> extends Codec {
  /** Encodes a message, or what `create()` makes one of. */
  encode(data: MessageInitShape<Desc>): Uint8Array | Promise<Uint8Array>;
  /** Decodes `bytes` into a message. Fields that its type does not know are kept in it. */
  decode(bytes: Uint8Array): MessageShape<Desc> | Promise<MessageShape<Desc>>;
}

/** How {@linkcode protobufCodec} encodes. */
export interface ProtobufCodecOptions {
  /** The media type of the bytes, for peers that know another name. @default {"application/protobuf"} */
  readonly contentType?: string;
  /**
   * What becomes of a message in which every field has its default, and which protobuf therefore
   * writes as no bytes at all. `"refuse"` takes none and writes none, since a body that got lost
   * looks the same; `"accept"` does both. A type without fields is always accepted.
   *
   * @default {"refuse"}
   */
  readonly empty?: "refuse" | "accept";
}

/**
 * Encodes data as the protobuf messages of one type, whose schema protoc-gen-es generates. It takes
 * messages and what `create()` makes them of, and gives messages. A 64-bit integer is a `bigint`.
 *
 * It refuses data that has no place in the message, in fields of it too, and bytes that cannot be of
 * this type: those whose fields have another form, or that end within one. More protobuf cannot
 * tell: bytes of another type with fields of the same numbers and forms pass.
 *
 * @param schema The generated schema, such as `OrderPlacedSchema`.
 *
 * @example A notification in protobuf
 * ```ts
 * import { notification, toEnvelope, jsonCodec } from "@sluice/cqrs";
 * import { protobufCodec, protobufInit } from "@sluice/cqrs/protobuf";
 * import { DurationSchema } from "@bufbuild/protobuf/wkt"; // in place of a generated file
 * import assert from "node:assert/strict";
 *
 * const codec = protobufCodec(DurationSchema);
 * const Measured = notification("measured", {
 *   topic: "measurements",
 *   data: protobufInit(DurationSchema),
 *   codec,
 * });
 * const message = Measured({ seconds: 2n ** 60n });
 * const envelope = await toEnvelope(message, { codec: jsonCodec(), source: "/" });
 * assert.equal(envelope.contentType, "application/protobuf");
 * assert.equal((await codec.decode(envelope.body)).seconds, 2n ** 60n);
 * ```
 */
export function protobufCodec<Desc extends DescMessage>(
  schema: Desc,
  options: ProtobufCodecOptions = {},
): ProtobufCodec<Desc> {
  const { contentType = PROTOBUF_CONTENT_TYPE, empty = "refuse" } = options;
  const messages = new MessageBytes(schema);
  const refusesEmpty = empty === "refuse" && schema.fields.length > 0;

  function refuseEmpty(action: string, { length }: Uint8Array): void {
    if (length > 0 || !refusesEmpty) return;
    throw new TypeError(`Cannot ${action} an empty body as a message "${schema.typeName}"`);
  }

  return {
    contentType,
    encode(data) {
      const bytes = messages.encode(data);
      refuseEmpty("send", bytes);
      return bytes;
    },
    decode(bytes) {
      refuseEmpty("take", bytes);
      return messages.decode(bytes);
    },
  };
}
