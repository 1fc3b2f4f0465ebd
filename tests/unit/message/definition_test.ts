import assert from "node:assert/strict";
import { z } from "zod";
import {
  command,
  domainEvent,
  notification,
  query,
  streamRequest,
  type,
} from "../../../src/message/mod.ts";

const data = type<{ n: number }>();

for (
  const [symbol, definition, kind] of [
    ["command()", command("thing.do", data), "command"],
    ["query()", query("thing.do", data), "query"],
    ["streamRequest()", streamRequest("thing.do", data), "stream"],
    ["domainEvent()", domainEvent("thing.do", data), "event"],
    ["notification()", notification("thing.do", { topic: "t", data }), "notification"],
  ] as const
) {
  Deno.test(`${symbol} defines messages of kind "${kind}" with a wire name and data`, () => {
    const message = definition({ n: 7 });
    assert.equal(message.kind, kind);
    assert.equal(message.type, "thing.do");
    assert.deepEqual(message.data, { n: 7 });
  });

  Deno.test(`${symbol} gives a definition that tells its kind, type and schema`, () => {
    assert.equal(definition.kind, kind);
    assert.equal(definition.type, "thing.do");
    assert.equal(definition.schema, data);
  });
}

for (
  const [symbol, define] of [
    ["command()", (name: never) => command(name)],
    ["query()", (name: never) => query(name)],
    ["streamRequest()", (name: never) => streamRequest(name)],
    ["domainEvent()", (name: never) => domainEvent(name)],
    ["notification()", (name: never) => notification(name, { topic: "t", data })],
  ] as const
) {
  for (const name of ["", undefined, 7]) {
    Deno.test(`${symbol} refuses ${JSON.stringify(name)} as its wire name`, () => {
      assert.throws(() => define(name as never), {
        name: "TypeError",
        message: /^Cannot define .*must be a non-empty string: /,
      });
    });
  }
}

Deno.test("a definition without data makes messages without arguments", () => {
  assert.equal(command("tick")().data, undefined);
  assert.equal(domainEvent("ticked")().data, undefined);
});

Deno.test("a definition does not validate what the program itself puts into a message", () => {
  const Join = command("join", z.object({ userId: z.string() }));
  assert.deepEqual(Join({ userId: 7 } as never).data, { userId: 7 });
});

Deno.test("returns() keeps the schema of the result and leaves the first definition as it was", () => {
  const result = z.object({ link: z.string() });
  const Read = query("read", data);
  const Described = Read.returns(result);
  assert.equal(Described.answerSchema, result);
  assert.equal(Described.schema, data);
  assert.equal(Described.type, "read");
  assert.equal(Read.answerSchema, undefined);
});

Deno.test("returns() with a type alone sets no schema", () => {
  assert.equal(command("do").returns<number>().answerSchema, undefined);
});

Deno.test("yields() keeps the schema of the items and leaves the first definition as it was", () => {
  const item = z.object({ path: z.string() });
  const Hash = streamRequest("hash", data);
  const Described = Hash.yields(item);
  assert.equal(Described.answerSchema, item);
  assert.equal(Described.schema, data);
  assert.equal(Hash.answerSchema, undefined);
});

Deno.test("returns() keeps the validation of the data", async () => {
  const Join = command("join", z.object({ userId: z.string() })).returns<{ ok: true }>();
  await assert.rejects(Join.parse({ userId: 7 }), { code: "message_validation" });
});

Deno.test("two definitions made by returns() of one do not share their result schemas", () => {
  const Read = query("read");
  const text = Read.returns(z.string());
  const number = Read.returns(z.number());
  assert.notEqual(text.answerSchema, number.answerSchema);
});
