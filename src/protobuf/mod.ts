/**
 * Notifications in protobuf, over the code that protoc-gen-es generates for `@bufbuild/protobuf`:
 * plain, or in the frame of a schema registry. One outbox and one topic can hold them beside others,
 * as each notification brings its codec along.
 *
 * @example A notification that goes into a registry's frame
 * ```ts
 * import { jsonCodec, notification, toEnvelope } from "@sluice/cqrs";
 * import { protobufData, registryProtobufCodec, schemaRegistry } from "@sluice/cqrs/protobuf";
 * import { create } from "@bufbuild/protobuf";
 * import { TimestampSchema } from "@bufbuild/protobuf/wkt"; // in place of a generated file
 * import assert from "node:assert/strict";
 *
 * // In place of a server, which gives out the id 7.
 * const fetch = () => Response.json({ id: 7 });
 * const registry = schemaRegistry({ url: "http://registry.example:8081", fetch });
 * const Ticked = notification("ticked", {
 *   topic: "ticks",
 *   data: protobufData(TimestampSchema),
 *   codec: registryProtobufCodec(TimestampSchema, { registry, subject: "ticks-value" }),
 * });
 * const message = Ticked(create(TimestampSchema, { seconds: 1n }));
 * const { body } = await toEnvelope(message, { codec: jsonCodec(), source: "/" });
 * assert.deepEqual([...body], [0, 0, 0, 0, 7, 0, 8, 1]);
 * ```
 *
 * @module
 */

export { type ProtobufCodec, protobufCodec, type ProtobufCodecOptions } from "./protobuf_codec.ts";
export { protobufData, protobufInit } from "./protobuf_data.ts";
export {
  registryProtobufCodec,
  type RegistryProtobufCodecOptions,
} from "./registry_protobuf_codec.ts";
export {
  type RegisteredSchema,
  type RegistrySchema,
  type SchemaReference,
  type SchemaRegistry,
  schemaRegistry,
  type SchemaRegistryAuth,
  type SchemaRegistryCallOptions,
  type SchemaRegistryFetch,
  type SchemaRegistryOptions,
} from "./schema_registry.ts";
export { SchemaRegistryError, type SchemaRegistryErrorOptions } from "./schema_registry_error.ts";
