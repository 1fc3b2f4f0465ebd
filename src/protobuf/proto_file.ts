import { clone, type DescFile, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { RegistrySchema, SchemaReference, SchemaRegistry } from "./schema_registry.ts";

/** How the files of schemas get into a registry. */
export interface ProtoFileOptions {
  /** Whether files that the registry does not have are registered, or have to be there. */
  readonly autoRegister: boolean;
  /** The texts of files, by the path under which they are imported. */
  readonly sources: Readonly<Record<string, string>>;
}

/** What every registry knows, so that nobody registers it. */
const BUILT_IN = /^(?:google\/(?:protobuf|type)|confluent)\//;

/**
 * Resolves to the id of a file under a subject. What it imports comes first, each file under its own
 * path, as Confluent's serialisers have it.
 *
 * @throws {SchemaRegistryError} If the registry refuses one, or must have one and has not.
 */
export async function schemaIdOf(
  registry: SchemaRegistry,
  subject: string,
  file: DescFile,
  options: ProtoFileOptions,
): Promise<number> {
  const schema = await describe(registry, file, options);
  if (options.autoRegister) return registry.register(subject, schema);
  return (await registry.lookUp(subject, schema)).id;
}

async function describe(
  registry: SchemaRegistry,
  file: DescFile,
  options: ProtoFileOptions,
): Promise<RegistrySchema> {
  const references: SchemaReference[] = [];
  for (const imported of file.dependencies) {
    const { name } = imported.proto;
    if (BUILT_IN.test(name)) continue;
    const schema = await describe(registry, imported, options);
    if (options.autoRegister) await registry.register(name, schema);
    const { version } = await registry.lookUp(name, schema);
    references.push({ name, subject: name, version });
  }
  const schema = options.sources[file.proto.name] ?? compiled(file);
  return { schemaType: "PROTOBUF", schema, references };
}

/** A file as its compiler gives it, without where things stand in its text. */
function compiled(file: DescFile): string {
  const proto = clone(FileDescriptorProtoSchema, file.proto);
  proto.sourceCodeInfo = undefined;
  return base64Encode(toBinary(FileDescriptorProtoSchema, proto));
}
