import assert from "node:assert/strict";
import { SchemaRegistryError } from "../../../src/protobuf/mod.ts";

Deno.test("SchemaRegistryError says what was asked and how the registry answered", () => {
  const action = 'register a schema of "orders"';
  assert.equal(
    new SchemaRegistryError(action).message,
    'Cannot register a schema of "orders" as the schema registry does not answer',
  );
  assert.equal(
    new SchemaRegistryError(action, { status: 409 }).message,
    'Cannot register a schema of "orders" as the schema registry answers with the status 409',
  );
});

Deno.test("SchemaRegistryError tells what may succeed later from what cannot", () => {
  const isTransient = (status?: number) => new SchemaRegistryError("ask", { status }).isTransient;
  assert.deepEqual([undefined, 408, 429, 500, 503].map(isTransient), Array(5).fill(true));
  assert.deepEqual([200, 302, 400, 401, 404, 409, 422].map(isTransient), Array(7).fill(false));
});
