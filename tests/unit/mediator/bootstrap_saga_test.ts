import assert from "node:assert/strict";
import { bootstrap, command, handlers, type } from "../../../mod.ts";
import { saga } from "../../../src/saga/mod.ts";
import { memoryStorage } from "../../../src/storage/memory/mod.ts";

const storage = memoryStorage();
const context = type<object>();
const One = saga("order", { version: 1, context }).step("a", () => {});
const Two = saga("order", { version: 2, context }).step("a", () => {});

Deno.test("bootstrap() refuses a saga without a storage that keeps sagas", () => {
  const registry = handlers().saga(One);
  assert.throws(() => bootstrap(registry), {
    name: "TypeError",
    message: 'Cannot bootstrap saga "order" as no storage is configured that keeps sagas',
  });
  assert.throws(() => bootstrap(registry, { storage: { outbox: storage.outbox } }), TypeError);
});

Deno.test("bootstrap() refuses a saga that is bound twice, also from two modules", () => {
  const twice = handlers().add(handlers().saga(One)).add(handlers().saga(Two) as never);
  assert.throws(() => bootstrap(twice, { storage }), { code: "duplicate_handler" });
  const same = handlers().saga(One).saga(One as never);
  assert.throws(() => bootstrap(same, { storage }), { code: "duplicate_handler" });
});

Deno.test("bootstrap() refuses versions of a saga that are the same, or of another saga", () => {
  assert.throws(() => bootstrap(handlers().saga(Two, Two), { storage }), {
    message: 'Cannot bind version 2 of saga "order" twice',
  });
  const Other = saga("other", { version: 1, context });
  assert.throws(() => bootstrap(handlers().saga(Two, Other), { storage }), {
    message: 'Cannot bind saga "other" as an earlier version of "order"',
  });
});

Deno.test("on() refuses a saga, and saga() what is none", () => {
  assert.throws(() => handlers().on(One as never, () => {}), {
    name: "TypeError",
    message: 'Cannot bind saga "order" to handlers: bind it with saga()',
  });
  assert.throws(() => handlers().saga(command("do") as never), {
    name: "TypeError",
    message: 'Cannot bind "do" as a saga as it is none',
  });
});

Deno.test("bootstrap() refuses options of sagas that are out of their range", () => {
  for (const sagas of [{ leaseMs: 0 }, { leaseMs: Infinity }, { pollMs: 0 }, { pollMs: NaN }]) {
    assert.throws(() => bootstrap(handlers().saga(One), { storage, sagas }), RangeError);
  }
});

Deno.test("bootstrap() gives an application without sagas nothing of them", () => {
  const app = bootstrap(handlers(), { storage });
  assert.throws(() => app.sagas, {
    name: "TypeError",
    message: "Cannot reach sagas as the application has none: bind them with saga()",
  });
});

Deno.test("bootstrap() lists sagas among the definitions, and starts nothing", async () => {
  const app = bootstrap(handlers().saga(Two, One), { storage });
  assert.deepEqual(app.definitions.map(({ type, kind }) => [type, kind]), [["order", "saga"]]);
  await app[Symbol.asyncDispose]();
});

Deno.test("send() and stream() refuse a saga that nothing handles", async () => {
  const app = bootstrap(handlers().saga(One), { storage });
  const Other = saga("other", { version: 1, context })({});
  await assert.rejects(app.send(Other as never), { code: "handler_not_found" });
  await assert.rejects(app.stream(Other as never).next(), { code: "handler_not_found" });
});
