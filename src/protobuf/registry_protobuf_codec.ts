import type { DescMessage } from "@bufbuild/protobuf";
import { FrameReader } from "./frame_reader.ts";
import { FrameWriter } from "./frame_writer.ts";
import { MessageBytes } from "./message_bytes.ts";
import { PROTOBUF_CONTENT_TYPE, type ProtobufCodec } from "./protobuf_codec.ts";
import type { SchemaRegistry } from "./schema_registry.ts";

/** How {@linkcode registryProtobufCodec} encodes and decodes. */
export interface RegistryProtobufCodecOptions {
  /** The registry that gives out the ids. */
  readonly registry: SchemaRegistry;
  /**
   * The subject that the schema is registered under. A codec does not know its topic; Confluent's
   * own default would be the topic with `-value` behind it.
   *
   * @default the full name of the message type, as Confluent's `RecordNameStrategy` has it
   */
  readonly subject?: string | undefined;
  /**
   * Whether a schema that the registry does not have is registered with the first message. Without
   * that it must be there, with all that it imports: encoding fails with a `SchemaRegistryError` as
   * long as it is not.
   *
   * @default {true}
   */
  readonly autoRegister?: boolean | undefined;
  /**
   * The texts of `.proto` files, by the path under which they are imported, for what the registry is
   * to have or already has as text. Generated code does not have them, so the compiled file is sent
   * for each that is missing here. Confluent's registry takes both, but need not find the one by the
   * other: what was registered as text with comments is another schema than the same file compiled.
   *
   * @default none
   */
  readonly sources?: Readonly<Record<string, string>> | undefined;
  /**
   * What becomes of the schema that a message was written with: `"check"` asks the registry for it,
   * once for each, and refuses messages of another type; `"ignore"` asks nothing, so that reading
   * does not depend on the registry, and tells other types only by the form of their fields.
   *
   * @default {"check"}
   */
  readonly writerSchema?: "check" | "ignore" | undefined;
  /** The media type of the bytes, for peers that know another name. @default {"application/protobuf"} */
  readonly contentType?: string | undefined;
}

/**
 * Encodes data as {@linkcode protobufCodec} does, in the frame that Confluent's serialisers put
 * around it: a byte 0, the id of the schema in 32 bits, and where in the schema's file the type of
 * the message stands. It is a codec of its own, as it waits: for the id with the first message, and
 * for the writer's schema with the first message of each. After that it answers at once.
 *
 * It reads messages that were written with any version of the schema, under any subject.
 *
 * @param schema The generated schema, such as `OrderPlacedSchema`.
 *
 * @example The bytes of a frame
 * ```ts
 * import { registryProtobufCodec, schemaRegistry } from "@sluice/cqrs/protobuf";
 * import { DurationSchema } from "@bufbuild/protobuf/wkt"; // in place of a generated file
 * import assert from "node:assert/strict";
 *
 * // In place of a server, which gives out the id 7.
 * const fetch = () => Response.json({ id: 7 });
 * const registry = schemaRegistry({ url: "http://registry.example:8081", fetch });
 * const codec = registryProtobufCodec(DurationSchema, { registry, subject: "measurements-value" });
 * const bytes = await codec.encode({ seconds: 5n });
 * assert.deepEqual([...bytes], [0, 0, 0, 0, 7, 0, 8, 5]);
 * ```
 */
export function registryProtobufCodec<Desc extends DescMessage>(
  schema: Desc,
  options: RegistryProtobufCodecOptions,
): ProtobufCodec<Desc> {
  const { contentType = PROTOBUF_CONTENT_TYPE, writerSchema = "check", registry } = options;
  const messages = new MessageBytes(schema);
  const writer = new FrameWriter(schema, options);
  const reader = new FrameReader(schema, writerSchema === "check" ? registry : undefined);
  return {
    contentType,
    encode(data) {
      const payload = messages.encode(data);
      return writer.write(payload);
    },
    decode(bytes) {
      const known = reader.knownEnd(bytes);
      if (known !== undefined) return messages.decode(bytes.subarray(known));
      return reader.checkedEnd(bytes).then((end) => messages.decode(bytes.subarray(end)));
    },
  };
}
