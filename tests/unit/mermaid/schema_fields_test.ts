import { type as arktype } from "arktype";
import { z } from "zod";
import assert from "node:assert/strict";
import { type } from "../../../mod.ts";
import { schemaFields } from "../../../src/mermaid/schema_fields.ts";

Deno.test("schemaFields() tells the fields that a schema of zod has", () => {
  const schema = z.object({
    item: z.string(),
    count: z.int().optional(),
    tags: z.array(z.string()),
    size: z.enum(["s", "m"]),
    kind: z.literal("gift"),
    either: z.union([z.string(), z.number()]),
  });
  assert.deepEqual(schemaFields(schema), [
    "item: string",
    "count: integer, optional",
    "tags: array",
    "size: string",
    "kind: string",
    "either: any",
  ]);
});

Deno.test("schemaFields() tells the fields that a schema of arktype has", () => {
  assert.deepEqual(schemaFields(arktype({ item: "string", "note?": "string" })), [
    "item: string",
    "note: string, optional",
  ]);
});

Deno.test("schemaFields() escapes what stands in a field", () => {
  assert.deepEqual(schemaFields(z.object({ "a}b": z.string() })), ["a#125;b: string"]);
});

Deno.test("schemaFields() has nothing to tell of a type alone", () => {
  assert.deepEqual(schemaFields(type<{ item: string }>()), []);
  assert.deepEqual(schemaFields(undefined), []);
});

Deno.test("schemaFields() has nothing to tell of what is no object, or has no form in JSON Schema", () => {
  assert.deepEqual(schemaFields(z.string()), []);
  assert.deepEqual(schemaFields(z.object({ at: z.date() })), []);
});
