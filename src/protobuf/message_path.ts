import type { DescMessage } from "@bufbuild/protobuf";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/**
 * Whether the types that the compiler makes for the entries of maps count among the messages within
 * a message. They do in a compiled file, and so they do for those who register one; in the text of a
 * `.proto` there are none.
 */
export type MapEntries = "counted" | "skipped";

/** Where a message type stands in its file: the index of the outermost message, then of those within. */
export function messagePath(schema: DescMessage, mapEntries: MapEntries): number[] {
  const { parent, file } = schema;
  const siblings = parent === undefined ? file.proto.messageType : parent.proto.nestedType;
  const index = countedOf(siblings, mapEntries)
    .findIndex(({ name }) => name === schema.proto.name);
  return parent === undefined ? [index] : [...messagePath(parent, mapEntries), index];
}

/** The full name of the message type at a path; `undefined` if there is none. */
export function messageNameAt(
  file: FileDescriptorProto,
  path: readonly number[],
  mapEntries: MapEntries,
): string | undefined {
  const names = file.package === "" ? [] : [file.package];
  let siblings: readonly DescriptorProto[] = file.messageType;
  for (const index of path) {
    const message = countedOf(siblings, mapEntries)[index];
    if (message === undefined) return undefined;
    names.push(message.name);
    siblings = message.nestedType;
  }
  return names.join(".");
}

function countedOf(
  messages: readonly DescriptorProto[],
  mapEntries: MapEntries,
): readonly DescriptorProto[] {
  if (mapEntries === "counted") return messages;
  return messages.filter(({ options }) => options?.mapEntry !== true);
}
