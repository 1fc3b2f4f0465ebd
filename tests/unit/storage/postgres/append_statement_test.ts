import assert from "node:assert/strict";
import type { Envelope } from "../../../../src/message/mod.ts";
import { partitionOf } from "../../../../src/storage/mod.ts";
import { appendStatement } from "../../../../src/storage/postgres/append_statement.ts";
import { postgresNames } from "../../../../src/storage/postgres/names.ts";

const names = postgresNames({ schema: "app" });

function envelope(more: Partial<Envelope> = {}): Envelope {
  return {
    id: "1",
    type: "noted",
    topic: "notes",
    source: "/",
    time: new Date(5),
    key: "k",
    correlationId: "1",
    contentType: "text/plain",
    headers: {},
    body: new TextEncoder().encode("body"),
    ...more,
  };
}

Deno.test("appendStatement() of one envelope has plain texts as its parameters", () => {
  const { text, parameters } = appendStatement(names, [envelope()]);
  assert.match(text, /^insert into "app"\."sluice_outbox" /);
  assert.deepEqual(parameters, [
    "notes",
    `${partitionOf("k")}`,
    "k",
    "1",
    "noted",
    '{"source":"/","time":5,"contentType":"text/plain"}',
    "body",
  ]);
});

Deno.test("appendStatement() of one envelope has its bytes in base 64 if they are no text", () => {
  const { text, parameters } = appendStatement(names, [envelope({ body: Uint8Array.of(0, 255) })]);
  assert.match(text, /decode\(\$7, 'base64'\), null/);
  assert.equal(parameters.at(-1), "AP8=");
});

Deno.test("appendStatement() of several envelopes has one parameter, in their order", () => {
  const { text, parameters } = appendStatement(names, [
    envelope({ id: "1" }),
    envelope({ id: "2", body: Uint8Array.of(0) }),
    envelope({ id: "3", key: "other" }),
  ]);
  assert.match(text, /json_to_recordset\(\$1::text::json\)/);
  assert.equal(parameters.length, 1);
  const rows = JSON.parse(parameters[0] ?? "");
  assert.deepEqual(rows.map(({ i, x, b, p }: Record<string, unknown>) => [i, x, b, p]), [
    ["1", "body", undefined, partitionOf("k")],
    ["2", undefined, "AA==", partitionOf("k")],
    ["3", "body", undefined, partitionOf("other")],
  ]);
});

Deno.test("appendStatement() spreads envelopes without a key", () => {
  const { key: _, ...lonely } = envelope();
  const seen = new Set<unknown>();
  for (let n = 0; n < 500; n++) seen.add(appendStatement(names, [lonely]).parameters[1]);
  assert.equal(seen.size, 16);
  assert.equal(appendStatement(names, [lonely]).parameters[2], null);
});

Deno.test("appendStatement() refuses what Postgres would refuse in the middle of a transaction", () => {
  for (const wrong of [{ id: "a\0" }, { key: "\0" }, { topic: "\0b" }, { type: "a\0b" }]) {
    for (const all of [[envelope(wrong)], [envelope(), envelope(wrong)]]) {
      assert.throws(() => appendStatement(names, all), TypeError);
    }
  }
});

Deno.test("appendStatement() replaces halves of pairs in texts, as drivers do", () => {
  const odd = envelope({ id: "a\ud800", key: "\udfff🛟" });
  const [row] = JSON.parse(appendStatement(names, [odd, envelope()]).parameters[0] ?? "");
  assert.deepEqual([row.i, row.k], ["a\ufffd", "\ufffd🛟"]);
});

Deno.test("appendStatement() of several envelopes hands attributes over as texts if they have escaped characters", () => {
  const odd = envelope({ headers: { a: "x\0y\ud800" } });
  const rows = JSON.parse(appendStatement(names, [odd, envelope()]).parameters[0] ?? "");
  assert.deepEqual(rows.map(({ a }: { a?: object }) => a), [undefined, undefined]);
  assert.deepEqual(JSON.parse(rows[0].s).headers, odd.headers);
  assert.doesNotMatch(JSON.stringify(rows), /[^\\]\\u/);
});
