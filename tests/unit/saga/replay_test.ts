import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { replay, saga } from "../../../src/saga/mod.ts";
import { fail, trio, workshop } from "./support.ts";

Deno.test("replay() tells what would be done next, also from a history after JSON", async () => {
  const { app, definition } = trio();
  for await (const _item of app.stream(definition({ n: 1 }, { id: "s" }))) break;
  const history = await app.sagas.history("s");
  assert.ok(history);
  const next = { type: "act", step: "b", attempt: 1 };
  assert.deepEqual(replay(history, definition), next);
  assert.deepEqual(replay(JSON.parse(JSON.stringify(history)), definition), next);
});

Deno.test("replay() tells of compensations and ends", async () => {
  const { app, definition } = trio({ "act c": fail(new Error("No")) });
  await app.send(definition({ n: 1 }, { id: "s" })).catch(() => {});
  const history = await app.sagas.history("s");
  assert.ok(history);
  assert.deepEqual(replay(history, definition), { type: "end", status: "compensated" });
  const at = history.log.findIndex(({ action }) => action === "compensate");
  assert.deepEqual(replay({ ...history, log: history.log.slice(0, at) }, definition), {
    type: "compensate",
    step: "b",
    attempt: 1,
  });
});

Deno.test("replay() refuses definitions that do not fit, with what does not", async () => {
  const { options } = workshop();
  const step = () => {};
  const Empty = saga("order", { version: 1, context: type<object>() });
  const Order = Empty.step("a", step).step("b", step);
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}, { id: "s" }));
  const history = await app.sagas.history("s");
  assert.ok(history);
  const refused = (definition: Parameters<typeof replay>[1], reason: RegExp) =>
    assert.throws(() => replay(history, definition), { code: "saga_incompatible", reason });
  refused(saga("other", { version: 1, context: type<object>() }), /version 1 of "order"/);
  refused(saga("order", { version: 2, context: type<object>() }), /definition is version 2/);
  refused(Empty.step("a", step), /a step "b" that its definition does not have/);
  refused(Empty.step("b", step).step("a", step), /step "a" before step "b"/);
  refused(Empty.step("a", step).step("x", step).step("b", step), /step "b" before step "x"/);
  assert.deepEqual(replay(history, Order.step("c", step)), { type: "act", step: "c", attempt: 1 });
});
