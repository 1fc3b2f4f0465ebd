import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { messageNameAt } from "./message_path.ts";
import { type FrameHead, readHead } from "./registry_frame.ts";
import type { RegistrySchema, SchemaRegistry } from "./schema_registry.ts";

/** More schemas than one type of message ever has; what comes beyond is asked for again. */
const MAX_CHECKED = 1_000;

/** Reads the heads of frames, and sees to it that these hold messages of one type. */
export class FrameReader {
  readonly #schema: DescMessage;
  readonly #registry: SchemaRegistry | undefined;
  readonly #passed = new Set<string>();
  /** What the last frame started with: most have the head of the one before. */
  #last = new Uint8Array(0);

  /** Without a registry every head will do. */
  constructor(schema: DescMessage, registry: SchemaRegistry | undefined) {
    this.#schema = schema;
    this.#registry = registry;
  }

  /**
   * Where the message starts, or `undefined` if the registry has to be asked whether it is one of
   * the type.
   *
   * @throws {TypeError} If the bytes are no frame.
   */
  knownEnd(bytes: Uint8Array): number | undefined {
    if (this.#last.length > 0 && startsWith(bytes, this.#last)) return this.#last.length;
    const { end, ...head } = readHead(bytes);
    if (this.#registry !== undefined && !this.#passed.has(keyOf(head))) return undefined;
    this.#last = bytes.slice(0, end);
    return end;
  }

  /**
   * Where the message starts.
   *
   * @throws {TypeError} If it is none of the type.
   * @throws {SchemaRegistryError} If the registry does not tell.
   */
  async checkedEnd(bytes: Uint8Array): Promise<number> {
    const { end, ...head } = readHead(bytes);
    const written = await this.#registry?.schemaById(head.schemaId);
    if (written !== undefined) this.#require(head.schemaId, head.messagePath, written);
    if (this.#passed.size >= MAX_CHECKED) this.#passed.clear();
    this.#passed.add(keyOf(head));
    return end;
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

function keyOf({ schemaId, messagePath }: FrameHead): string {
  return `${schemaId}:${messagePath}`;
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  for (let at = 0; at < head.length; at++) {
    if (bytes[at] !== head[at]) return false;
  }
  return true;
}

/** The compiled file in base 64, or `undefined` if it is not one but the text of a `.proto`. */
function readCompiled(schema: string): FileDescriptorProto | undefined {
  try {
    return fromBinary(FileDescriptorProtoSchema, base64Decode(schema));
  } catch {
    return undefined;
  }
}
