import assert from "node:assert/strict";
import type { NewSagaLogEntry, SagaChange } from "../../../../src/storage/mod.ts";
import { postgresNames } from "../../../../src/storage/postgres/names.ts";
import { SagaWrites } from "../../../../src/storage/postgres/saga_writes.ts";

const names = postgresNames();
const saga = { id: "a", revision: 1 };

function entry(number: number, more: Partial<NewSagaLogEntry> = {}): NewSagaLogEntry {
  return { number, action: "act", step: "s", status: "completed", attempt: 1, ...more };
}

function statementOf(change: SagaChange, appendTo: "table" | "log" = "table") {
  return new SagaWrites({ names, appendTo }).checkpoint(saga, change);
}

const body = new TextEncoder().encode("body");
const envelope = {
  id: "1",
  type: "noted",
  topic: "notes",
  source: "/",
  time: new Date(5),
  correlationId: "1",
  contentType: "text/plain",
  headers: {},
  body,
};

Deno.test("SagaWrites.checkpoint() of a step has plain parameters, and one text whatever they say", () => {
  const step = (number: number, context: string) =>
    statementOf({
      context,
      hasProgressed: true,
      entries: [entry(number, { result: context }), entry(number + 1, { status: "started" })],
      leaseMs: number * 1_000,
    });
  const [one, other] = [step(1, "{}"), step(3, "[]")];
  assert.equal(one.text, other.text);
  // The start of the next step stands in the row of this one.
  assert.deepEqual(other.parameters, ["[]", "3.000 s", "a", "1", "3", "s", "[]", "s"]);
  assert.doesNotMatch(one.text, /status = |error|parked|json_to_recordset|delete/);
});

Deno.test("SagaWrites.checkpoint() of many entries hands them over as one parameter", () => {
  const entries = [1, 2, 3, 4].map((number) => entry(number, { error: "a\0b" }));
  const { text, parameters } = statementOf({ entries, leaseMs: 0 });
  assert.match(text, /json_to_recordset\(\$3::text::json\)/);
  assert.deepEqual(
    JSON.parse(parameters[2] ?? "").map(({ n, e }: Record<string, unknown>) => [n, e]),
    [
      [1, "a\ufffdb"],
      [2, "a\ufffdb"],
      [3, "a\ufffdb"],
      [4, "a\ufffdb"],
    ],
  );
});

Deno.test("SagaWrites.checkpoint() puts no text into a statement that is not one of its own words", () => {
  const odd = "x'; drop table data; --";
  const wrong = { action: odd, status: odd, part: odd } as unknown as Partial<NewSagaLogEntry>;
  const { text, parameters } = statementOf({
    status: odd as "running",
    error: odd,
    parkedReason: odd,
    entries: [entry(1, { ...wrong, step: odd, error: odd, result: odd })],
    consumed: [odd],
    leaseMs: 1,
  });
  assert.doesNotMatch(text, /drop/);
  assert.equal(parameters.filter((parameter) => parameter?.includes(odd)).length, 10);
});

Deno.test("SagaWrites.checkpoint() puts messages where the storage does", () => {
  const change = { messages: [envelope], entries: [entry(1)], leaseMs: 0 };
  const table = statementOf(change);
  assert.match(table.text, /o as \(insert into "sluice_outbox" [^]+ from s\)/);
  assert.ok(table.parameters.includes("body"));
  const log = statementOf(change, "log");
  assert.match(log.text, /o as \(select count\(pg_logical_emit_message\([^]+from s, unnest/);
  assert.match(log.text, /\(select count from o\)/);
  assert.doesNotMatch(log.text, /sluice_outbox"/);
});

Deno.test("SagaWrites.checkpoint() refuses a message that Postgres would refuse", () => {
  for (const appendTo of ["table", "log"] as const) {
    const messages = [{ ...envelope, id: "a\0" }];
    assert.throws(() => statementOf({ messages, leaseMs: 0 }, appendTo), TypeError);
  }
});

Deno.test("SagaWrites.create() refuses a lease that is none", () => {
  const wanted = {
    id: "a",
    name: "n",
    version: 1,
    status: "running",
    context: "{}",
    metadata: "{}",
    entries: [],
  } as const;
  const writes = new SagaWrites({ names, appendTo: "table" });
  for (const leaseMs of [0, NaN, Infinity]) {
    assert.throws(() => writes.create(wanted, { owner: "o", leaseMs }), RangeError);
  }
  const { parameters } = writes.create(wanted, { owner: "o\0", leaseMs: 1e300 });
  assert.deepEqual(parameters.slice(-2), ["o\ufffd", "1000000000.000 s"]);
});
