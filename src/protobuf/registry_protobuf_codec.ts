import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { MessageBytes } from "./message_bytes.ts";
import { messageNameAt, messagePath } from "./message_path.ts";
import { schemaIdOf } from "./proto_file.ts";
import { PROTOBUF_CONTENT_TYPE, type ProtobufCodec } from "./protobuf_codec.ts";
import { readFrame, type RegistryFrame, writeFrame } from "./registry_frame.ts";
import type { RegistrySchema, SchemaRegistry } from "./schema_registry.ts";

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
   * for each that is missing here. A registry takes both, but it need not find the one by the other.
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

/** More schemas than one type of message ever has; what comes beyond is asked for again. */
const MAX_CHECKED = 1_000;

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
  const checks = new WriterChecks(schema, registry);
  return {
    contentType,
    encode(data) {
      const payload = messages.encode(data);
      return writer.write(payload);
    },
    decode(bytes) {
      const frame = readFrame(bytes);
      const checked = writerSchema === "check" ? checks.check(frame) : undefined;
      return checked === undefined
        ? messages.decode(frame.payload)
        : checked.then(() => messages.decode(frame.payload));
    },
  };
}

/** Writes frames, as soon as it knows the id of the schema. */
class FrameWriter {
  readonly #schema: DescMessage;
  readonly #options: RegistryProtobufCodecOptions;
  readonly #messagePath: readonly number[];
  #schemaId: number | undefined;

  constructor(schema: DescMessage, options: RegistryProtobufCodecOptions) {
    const isText = options.sources?.[schema.file.proto.name] !== undefined;
    this.#schema = schema;
    this.#options = options;
    this.#messagePath = messagePath(schema, isText ? "skipped" : "counted");
  }

  write(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (this.#schemaId !== undefined) return this.#frame(this.#schemaId, payload);
    return this.#findId().then((schemaId) => this.#frame(schemaId, payload));
  }

  #frame(schemaId: number, payload: Uint8Array): Uint8Array {
    return writeFrame({ schemaId, messagePath: this.#messagePath, payload });
  }

  /** Whoever asks at the same time shares the registry's requests. */
  async #findId(): Promise<number> {
    const { typeName, file } = this.#schema;
    const { registry, subject = typeName, autoRegister = true, sources = {} } = this.#options;
    this.#schemaId = await schemaIdOf(registry, subject, file, { autoRegister, sources });
    return this.#schemaId;
  }
}

/** Finds out whether frames hold messages of one type, and remembers those that do. */
class WriterChecks {
  readonly #schema: DescMessage;
  readonly #registry: SchemaRegistry;
  readonly #passed = new Set<string>();

  constructor(schema: DescMessage, registry: SchemaRegistry) {
    this.#schema = schema;
    this.#registry = registry;
  }

  /** Returns `undefined` if that is known already, or else a promise that rejects if they do not. */
  check({ schemaId, messagePath }: RegistryFrame): Promise<void> | undefined {
    const key = `${schemaId}:${messagePath}`;
    if (this.#passed.has(key)) return undefined;
    return this.#registry.schemaById(schemaId).then((written) => {
      this.#require(schemaId, messagePath, written);
      if (this.#passed.size >= MAX_CHECKED) this.#passed.clear();
      this.#passed.add(key);
    });
  }

  #require(id: number, path: readonly number[], { schemaType, schema }: RegistrySchema): void {
    const { typeName } = this.#schema;
    const refuse = (what: string) => {
      throw new TypeError(`Cannot decode a message "${typeName}" as the schema ${id} ${what}`);
    };
    if (schemaType !== "PROTOBUF") refuse(`is one of ${schemaType}`);
    const file = readCompiled(schema);
    if (file === undefined) return; // the text says nothing without a compiler
    // Whether the writer has counted the entries of maps nobody can know.
    const names = [messageNameAt(file, path, "counted"), messageNameAt(file, path, "skipped")];
    if (names.includes(typeName)) return;
    const [name] = names.filter((name) => name !== undefined);
    refuse(name === undefined ? `has no message at ${path}` : `is that of a message "${name}"`);
  }
}

/** The compiled file in base 64, or `undefined` if it is not one but the text of a `.proto`. */
function readCompiled(schema: string): FileDescriptorProto | undefined {
  try {
    return fromBinary(FileDescriptorProtoSchema, base64Decode(schema));
  } catch {
    return undefined;
  }
}
