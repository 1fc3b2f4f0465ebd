import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { SchemaResult, StandardSchema } from "../message/mod.ts";
import { MessageBytes } from "./message_bytes.ts";

/**
 * Describes the data of a notification as messages of a protobuf type: those who emit it make them
 * with `create()`, those who consume it get them, with every field set. It validates what
 * {@linkcode protobufCodec} can encode, and makes a message of it.
 *
 * Its input is `unknown`, so that it also describes data that JSON has no form for: a `bigint`.
 *
 * @param schema The generated schema, such as `OrderPlacedSchema`.
 *
 * @example A notification that is made of a message
 * ```ts
 * import { notification } from "@sluice/cqrs";
 * import { protobufCodec, protobufData } from "@sluice/cqrs/protobuf";
 * import { create } from "@bufbuild/protobuf";
 * import { DurationSchema } from "@bufbuild/protobuf/wkt"; // in place of a generated file
 * import assert from "node:assert/strict";
 *
 * const Measured = notification("measured", {
 *   topic: "measurements",
 *   data: protobufData(DurationSchema),
 *   codec: protobufCodec(DurationSchema),
 * });
 * assert.equal(Measured(create(DurationSchema, { seconds: 5n })).data.nanos, 0);
 * await assert.rejects(Measured.parse({ minutes: 1 }), { code: "message_validation" });
 * ```
 */
export function protobufData<Desc extends DescMessage>(
  schema: Desc,
): StandardSchema<unknown, MessageShape<Desc>> {
  return messageSchema(schema);
}

/**
 * Describes the data of a notification as what `create()` makes messages of a protobuf type of:
 * those who emit it name the fields that are not to have their defaults. Those who consume it get
 * messages too, but the type says that fields may be missing. For all else see
 * {@linkcode protobufData}.
 *
 * @param schema The generated schema, such as `OrderPlacedSchema`.
 */
export function protobufInit<Desc extends DescMessage>(
  schema: Desc,
): StandardSchema<unknown, MessageInitShape<Desc>> {
  return messageSchema(schema);
}

function messageSchema<Desc extends DescMessage, Output>(
  schema: Desc,
): StandardSchema<unknown, Output> {
  const messages = new MessageBytes(schema);
  function validate(value: unknown): SchemaResult<Output> {
    try {
      const message = messages.toMessage(value);
      // A message has been encoded before, or is about to be; numbers that do not fit show only then.
      if (message !== value) messages.encode(message);
      return { value: message as Output };
    } catch (error) {
      return { issues: [{ message: error instanceof Error ? error.message : String(error) }] };
    }
  }
  return { "~standard": { version: 1, vendor: "sluice", validate } };
}
