import assert from "node:assert/strict";
import { type } from "../../../mod.ts";
import { saga, stepFallback } from "../../../src/saga/mod.ts";

const context = type<object>();
const Order = saga("order", { version: 1, context });

Deno.test("saga() refuses a version that is no positive integer, and a name that is empty", () => {
  for (const version of [0, -1, 1.5, NaN, Infinity, 2 ** 53, "1" as never, undefined as never]) {
    assert.throws(() => saga("order", { version, context }), RangeError);
  }
  assert.throws(() => saga("", { version: 1, context }), TypeError);
});

Deno.test("saga() refuses retries and time limits that are out of their range", () => {
  const options = { version: 1, context };
  assert.throws(
    () => saga("order", { ...options, compensateRetry: { maxAttempts: 0 } }),
    RangeError,
  );
  const act = () => {};
  for (
    const bad of [
      { retry: { maxAttempts: 0 } },
      { compensateRetry: { maxAttempts: 1.5 } },
      { compensateRetry: { backoff: { initialDelayMs: -1 } } },
      { timeoutMs: 0 },
      { timeoutMs: -1 },
      { timeoutMs: NaN },
    ]
  ) {
    assert.throws(() => Order.step("a", { act, ...bad }), RangeError);
    assert.throws(() => Order.step("a", act, bad), RangeError);
    assert.throws(() => Order.step("a", stepFallback({ act }, { act, ...bad })), RangeError);
  }
  assert.throws(() => Order.waitFor("a", { timeoutMs: 0 }), RangeError);
});

Deno.test("saga() refuses an id twice, and one that is none", () => {
  const one = Order.step("a", () => {});
  assert.throws(() => one.step("a" as never, () => {}), {
    name: "TypeError",
    message: 'Cannot define step "a" of saga "order" twice',
  });
  assert.throws(() => one.waitFor("a" as never), TypeError);
  assert.throws(() => Order.waitFor("a").step("a" as never, () => {}), TypeError);
  assert.throws(() => Order.step("", () => {}), TypeError);
  assert.throws(() => Order.step(1 as never, () => {}), TypeError);
});

Deno.test("saga() refuses a step that cannot act", () => {
  for (
    const step of [
      undefined,
      null,
      {},
      { act: "text" },
      { act: () => {}, compensate: 1 },
      "text",
      5,
    ]
  ) assert.throws(() => Order.step("a", step as never), TypeError);
  const half = stepFallback(() => {}, undefined as never);
  assert.throws(() => Order.step("a", half), TypeError);
});

Deno.test("saga() refuses a signal without a name, and those of the library's own", () => {
  for (const signal of ["", "$turn_back", 5 as never]) {
    assert.throws(() => Order.waitFor("a", { signal }), TypeError);
  }
  assert.throws(() => Order.waitFor("$a"), TypeError);
});

Deno.test("saga() does not change as steps are added to it", () => {
  const one = Order.step("a", () => {});
  const other = Order.step("b", () => {});
  assert.deepEqual([Order, one, other].map(({ steps }) => steps.map(({ id }) => id)), [
    [],
    ["a"],
    ["b"],
  ]);
});

Deno.test("saga() describes its steps, with the options of a step before those beside it", () => {
  const act = () => {};
  const retry = { maxAttempts: 2 };
  const { steps } = Order
    .step("a", { act, timeoutMs: 5 }, { timeoutMs: 9, retry })
    .waitFor("b", { signal: "go", timeoutMs: 7 });
  const [a, b] = steps;
  assert.ok(a?.kind === "act" && b?.kind === "wait");
  assert.equal(a.primary.timeoutMs, 5);
  assert.equal(a.primary.retry?.maxAttempts, 2);
  assert.equal(a.primary.compensate, undefined);
  assert.equal(a.primary.compensateRetry.maxAttempts, 3);
  assert.deepEqual(b, { kind: "wait", id: "b", signal: "go", schema: undefined, timeoutMs: 7 });
});

Deno.test("a step as an object is called with its `this`", () => {
  class Charger {
    readonly fee = 3;
    act() {
      return { fee: this.fee };
    }
  }
  const [step] = Order.step("a", new Charger()).steps;
  assert.ok(step?.kind === "act");
  assert.deepEqual(step.primary.act(undefined as never, undefined as never), { fee: 3 });
});

Deno.test("a saga's start carries the metadata that it is given, and an id where there is none", async () => {
  const message = Order({}, { id: "s", correlationId: "c" });
  assert.equal(message.kind, "saga");
  assert.deepEqual([message.metadata.id, message.metadata.correlationId], ["s", "c"]);
  assert.notEqual(Order({}).metadata.id, Order({}).metadata.id);
  const parsed = await Order.parse({ any: 1 }, { id: "p" });
  assert.equal(parsed.metadata.id, "p");
});

Deno.test("saga() refuses a class whose act is no method, and a step whose compensate is none fails before it acts", async () => {
  class Arrow {
    act = () => {};
  }
  assert.throws(() => Order.step("a", Arrow), TypeError);
  let acts = 0;
  class Half {
    act() {
      acts++;
    }
    compensate = () => {};
  }
  const [step] = Order.step("a", Half).steps;
  assert.ok(step?.kind === "act");
  const context = { resolve: () => new Half() };
  await assert.rejects(
    async () => await step.primary.act({} as never, context as never),
    { name: "TypeError", message: 'Cannot run "Half" as its "compensate" is no method' },
  );
  assert.equal(acts, 0);
});
