import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { base64 } from "../../../src/storage/mod.ts";

Deno.test("base64() writes what others read", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    assert.equal(base64(bytes), Buffer.from(bytes).toString("base64"));
  }));
});

Deno.test("base64() takes more bytes than a call can have arguments", () => {
  const bytes = Uint8Array.from({ length: 300_001 }, (_, n) => n % 251);
  assert.equal(base64(bytes), Buffer.from(bytes).toString("base64"));
});
