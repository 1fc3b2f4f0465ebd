import type { DescMessage } from "@bufbuild/protobuf";
import { messagePath } from "./message_path.ts";
import { schemaIdOf } from "./proto_file.ts";
import { writeHead } from "./registry_frame.ts";
import type { RegistryProtobufCodecOptions } from "./registry_protobuf_codec.ts";

/** Writes frames, as soon as it knows the id of the schema. */
export class FrameWriter {
  readonly #schema: DescMessage;
  readonly #options: RegistryProtobufCodecOptions;
  readonly #messagePath: readonly number[];
  #head: Uint8Array | undefined;

  /** Creates it for messages of `schema`. */
  constructor(schema: DescMessage, options: RegistryProtobufCodecOptions) {
    const isText = options.sources?.[schema.file.proto.name] !== undefined;
    this.#schema = schema;
    this.#options = options;
    this.#messagePath = messagePath(schema, isText ? "skipped" : "counted");
  }

  /**
   * Puts the head before the bytes of a message.
   *
   * @throws {SchemaRegistryError} If the registry does not give an id.
   */
  write(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (this.#head !== undefined) return join(this.#head, payload);
    return this.#findHead().then((head) => join(head, payload));
  }

  /** Whoever asks at the same time shares the registry's requests. */
  async #findHead(): Promise<Uint8Array> {
    const { typeName, file } = this.#schema;
    const { registry, subject = typeName, autoRegister = true, sources = {} } = this.#options;
    const schemaId = await schemaIdOf(registry, subject, file, { autoRegister, sources });
    this.#head = writeHead({ schemaId, messagePath: this.#messagePath });
    return this.#head;
  }
}

function join(head: Uint8Array, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + payload.length);
  for (let at = 0; at < head.length; at++) bytes[at] = head[at] ?? 0; // few, so that a call would cost more
  bytes.set(payload, head.length);
  return bytes;
}
