import assert from "node:assert/strict";
import { postgresNames } from "../../../../src/storage/postgres/names.ts";

Deno.test("postgresNames() quotes names, with the schema and the prefix", () => {
  const plain = postgresNames();
  assert.equal(plain.table("outbox"), '"sluice_outbox"');
  assert.equal(plain.index("outbox_due"), '"sluice_outbox_due"');
  assert.equal(plain.schema, undefined);
  const other = postgresNames({ schema: 'a "b" c', prefix: "" });
  assert.equal(other.table("outbox"), '"a ""b"" c"."outbox"');
  assert.equal(other.index("outbox_due"), '"outbox_due"');
  assert.equal(other.quotedSchema, '"a ""b"" c"');
});

Deno.test("postgresNames() refuses a prefix that would not stay as it is", () => {
  for (const prefix of ["a-b", "a b", 'a"', "x".repeat(25), "ä"]) {
    assert.throws(() => postgresNames({ prefix }), TypeError);
  }
  assert.equal(postgresNames({ prefix: "x".repeat(24) }).table("y"), `"${"x".repeat(24)}y"`);
});

Deno.test("postgresNames() refuses a schema that Postgres would cut", () => {
  for (const schema of ["", "a\0b", "x".repeat(64), "ä".repeat(32)]) {
    assert.throws(() => postgresNames({ schema }), TypeError);
  }
  assert.equal(postgresNames({ schema: "ä".repeat(31) }).schema, "ä".repeat(31));
});

Deno.test("postgresNames() makes a channel that fits, another one for each schema", () => {
  assert.equal(postgresNames().channel, "sluice_outbox");
  assert.equal(postgresNames({ schema: "app", prefix: "" }).channel, "outbox_app");
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  const { channel } = postgresNames({ schema: "ä".repeat(31), prefix: "x".repeat(24) });
  assert.ok(bytes(channel) <= 63 && bytes(channel) > 60, channel);
  assert.ok(!channel.includes("\ufffd"));
});
