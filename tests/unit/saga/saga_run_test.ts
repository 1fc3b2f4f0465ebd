import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError, type SagaItem } from "../../../src/saga/mod.ts";
import type { SagaChange } from "../../../src/storage/mod.ts";
import { storeWith } from "./faulty_store.ts";
import { fail, logOf, trio, workshop } from "./support.ts";

const { options } = workshop();

Deno.test("stream() of a saga gives the result of each step in order, with its place, and completes", async () => {
  const Order = saga("order", { version: 1, context: type<{ euros: number }>() })
    .step("reserve", ({ euros }) => ({ reservation: `for ${euros}` }))
    .step("charge", ({ reservation }) => ({ receipt: reservation }))
    .step("ship", () => {});
  const app = bootstrap(handlers().saga(Order), options);
  const items: SagaItem[] = [];
  for await (const item of app.stream(Order({ euros: 3 }, { id: "results" }))) items.push(item);
  assert.deepEqual(items, [
    {
      sagaId: "results",
      number: 2,
      name: "reserve",
      status: "completed",
      result: { reservation: "for 3" },
    },
    {
      sagaId: "results",
      number: 4,
      name: "charge",
      status: "completed",
      result: { receipt: "for 3" },
    },
    { sagaId: "results", number: 6, name: "ship", status: "completed", result: undefined },
  ]);
  const outcome = await app.sagas.get("results");
  assert.equal(outcome?.status, "completed");
  assert.deepEqual(outcome?.context, { euros: 3, reservation: "for 3", receipt: "for 3" });
});

Deno.test("send() of a saga resolves to its whole outcome", async () => {
  const { app, definition } = trio();
  assert.deepEqual(await app.send(definition({ n: 1 }, { id: "s" })), {
    id: "s",
    name: "trio",
    version: 1,
    status: "completed",
    parkedReason: undefined,
    context: { n: 1 },
    error: undefined,
    steps: ["a", "b", "c"].map((step) => ({ step, status: "completed" })),
  });
});

Deno.test("send() of a saga compensates nothing when all steps act", async () => {
  const { app, definition, lines } = trio();
  await app.send(definition({ n: 1 }));
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
});

Deno.test("send() of a saga undoes what was done in reverse order, but not the step that threw, and rejects with its error as the cause", async () => {
  const error = new RangeError("No");
  const { app, definition, lines } = trio({ "act c": fail(error) });
  const thrown = await app.send(definition({ n: 1 }, { id: "s" })).catch((error) => error);
  assert.ok(thrown instanceof SagaFailedError);
  assert.equal(thrown.cause, error);
  assert.equal(thrown.outcome.status, "compensated");
  assert.equal(thrown.outcome.error, 'Step "c": RangeError: No');
  assert.deepEqual(thrown.outcome.steps, [
    { step: "a", status: "compensated" },
    { step: "b", status: "compensated" },
    { step: "c", status: "failed", error: "RangeError: No" },
  ]);
  assert.deepEqual(lines, ["act a", "act b", "act c", "undo b", "undo a"]);
});

Deno.test("send() of a saga writes the start of the next step with the end of the one before, and the first with the saga", async () => {
  const { app, definition } = trio({ "act b": fail(new Error("No")) });
  await app.send(definition({ n: 1 }, { id: "s" })).catch(() => {});
  assert.deepEqual(await logOf(app, "s"), [
    "act a started",
    "act a completed",
    "act b started",
    "act b failed",
    "turn_back completed",
    "compensate a started",
    "compensate a completed",
  ]);
});

Deno.test("send() of a saga whose first step throws undoes nothing and ends as compensated", async () => {
  const { app, definition, lines } = trio({ "act a": fail(new Error("No")) });
  await assert.rejects(app.send(definition({ n: 1 })), (error: SagaFailedError) => {
    assert.equal(error.outcome.status, "compensated");
    return true;
  });
  assert.deepEqual(lines, ["act a"]);
});

Deno.test("stream() of a saga tells of a failure and of each compensation before it throws", async () => {
  const { app, definition } = trio({ "act c": fail(new Error("No")) });
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const { name, status } of app.stream(definition({ n: 1 }))) {
      seen.push(`${name} ${status}`);
    }
  }, SagaFailedError);
  assert.deepEqual(seen, [
    "a completed",
    "b completed",
    "c failed",
    "b compensated",
    "a compensated",
  ]);
});

Deno.test("send() of a saga without steps completes at once, and stream() gives nothing", async () => {
  const Empty = saga("empty", { version: 1, context: type<object>() });
  const app = bootstrap(handlers().saga(Empty), options);
  assert.equal((await app.send(Empty({}))).status, "completed");
  for await (const item of app.stream(Empty({}, { id: "empty" }))) assert.fail(String(item));
  assert.equal((await app.sagas.get("empty"))?.status, "completed");
});

Deno.test("stream() of a saga that was completed gives all its results again and runs nothing", async () => {
  const { app, definition, lines } = trio();
  await app.send(definition({ n: 1 }, { id: "s" }));
  const names: string[] = [];
  for await (const { name } of app.stream(definition({ n: 2 }, { id: "s" }))) names.push(name);
  assert.deepEqual(names, ["a", "b", "c"]);
  assert.equal(lines.length, 3);
});

Deno.test("send() of a saga that was compensated rejects again and runs nothing", async () => {
  const { app, definition, lines } = trio({ "act b": fail(new Error("No")) });
  await app.send(definition({ n: 1 }, { id: "s" })).catch(() => {});
  const before = lines.length;
  await assert.rejects(app.send(definition({ n: 1 }, { id: "s" })), (error: SagaFailedError) => {
    assert.equal(error.outcome.status, "compensated");
    assert.equal((error.cause as Error).name, "SagaStepError");
    return true;
  });
  assert.equal(lines.length, before);
});

Deno.test("send() of a saga is refused when the id is that of a saga with another name", async () => {
  const { app, definition, options } = trio();
  const Other = saga("other", { version: 1, context: type<object>() });
  await app.send(definition({ n: 1 }, { id: "s" }));
  const other = bootstrap(handlers().saga(Other), options);
  await assert.rejects(other.send(Other({}, { id: "s" })), { code: "saga_id", sagaId: "s" });
});

Deno.test("send() of a saga is refused when its context is no object, and stores nothing", async () => {
  const Odd = saga("odd", { version: 1, context: type<string>() });
  const app = bootstrap(handlers().saga(Odd), options);
  await assert.rejects(app.send(Odd("text", { id: "odd" })), TypeError);
  assert.equal(await app.sagas.get("odd"), undefined);
});

Deno.test("a step gets the context from JSON, and changing it changes nothing for the steps behind it", async () => {
  const seen: unknown[] = [];
  const Order = saga("order", { version: 1, context: type<{ list: number[] }>() })
    .step("first", (context) => {
      (context.list as number[]).push(2);
      Object.assign(context, { extra: true });
      return { list: [...context.list, 3] };
    })
    .step("second", (context) => {
      seen.push(structuredClone(context));
      (context.list as number[]).length = 0;
    })
    .step("third", (context) => void seen.push(structuredClone(context)));
  const app = bootstrap(handlers().saga(Order), options);
  const list = [1];
  await app.send(Order({ list }));
  assert.deepEqual(seen, [{ list: [1, 2, 3] }, { list: [1, 2, 3] }]);
  assert.deepEqual(list, [1]);
});

Deno.test("a step sees what its result is after JSON, also in the process that has made it", async () => {
  const seen: unknown[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("first", (): { a?: number; b: number } => ({ ...{ a: undefined } as object, b: 1 }))
    .step("second", (context) => void seen.push({ ...context }));
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}));
  assert.deepEqual(seen, [{ b: 1 }]);
});

for (
  const [what, result] of [
    ["a text", "text"],
    ["a list", [1]],
    ["a date", new Date(0)],
    ["what JSON leaves out", { toJSON: () => undefined }],
    ["what JSON cannot carry", { big: 1n }],
    ["what refuses to become JSON", { nested: { toJSON: fail(new Error("No")) } }],
  ] as const
) {
  Deno.test(`a step that returns ${what} is one of which nobody knows: it is undone, and the saga turns back`, async () => {
    const undone: string[] = [];
    const Order = saga("order", { version: 1, context: type<object>() })
      .step("first", { act: () => {}, compensate: () => void undone.push("first") })
      .step("odd", {
        act: () => result as never,
        compensate: (_data, { outcome }) => void undone.push(`odd ${outcome}`),
      });
    const app = bootstrap(handlers().saga(Order), options);
    await assert.rejects(app.send(Order({})), (error: SagaFailedError) => {
      assert.ok(error.cause instanceof Error);
      assert.equal(error.outcome.status, "compensated");
      return true;
    });
    assert.deepEqual(undone, ["odd unknown", "first"]);
  });
}

Deno.test("a step is given the id of its saga, its own, the attempt and a key that stays the same", async () => {
  const seen: unknown[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("first", {
      act: (_data, { sagaId, step, attempt, idempotencyKey }) =>
        void seen.push([sagaId, step, attempt, idempotencyKey]),
      compensate: (_data, { sagaId, step, attempt, idempotencyKey, outcome }) =>
        void seen.push([sagaId, step, attempt, idempotencyKey, outcome]),
    })
    .step("second", () => {
      throw new Error("No");
    });
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}, { id: "keys" })).catch(() => {});
  assert.deepEqual(seen, [
    ["keys", "first", 1, "keys/first"],
    ["keys", "first", 1, "keys/first", "completed"],
  ]);
});

Deno.test("a step sends from its context, and a nested saga runs to its end", async () => {
  const Inner = saga("inner", { version: 1, context: type<object>() })
    .step("only", () => ({ answer: 42 }));
  const Outer = saga("outer", { version: 1, context: type<object>() })
    .step("ask", async (_data, { send }) => {
      const inner = await send(Inner({}));
      return { answer: inner.context.answer ?? 0 };
    });
  const app = bootstrap(handlers().saga(Inner).saga(Outer), options);
  const { context } = await app.send(Outer({}));
  assert.deepEqual(context, { answer: 42 });
});

Deno.test("the observer is told how a saga ends", async () => {
  const { app, definition, events } = trio({ "act b": fail(new Error("No")) });
  await app.send(definition({ n: 1 }, { id: "s" })).catch(() => {});
  assert.deepEqual(events.filter(({ type }) => type === "saga_ended"), [{
    type: "saga_ended",
    id: "s",
    name: "trio",
    status: "compensated",
    error: 'Step "b": Error: No',
  }]);
});

Deno.test("a checkpoint asks the storage for what changes, and for nothing that is so already", async () => {
  const { open, definition, storage } = trio({ "act c": fail(new Error("No")) });
  const changes: SagaChange[] = [];
  const sagas = storeWith(storage.sagas, {
    checkpoint(id, revision, change) {
      changes.push(change);
      return storage.sagas.checkpoint(id, revision, change);
    },
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  await assert.rejects(app.send(definition({ n: 1 })), SagaFailedError);
  const reason = 'Step "c": Error: No';
  assert.deepEqual(
    changes.map(({ status, error, hasProgressed }) => [status, error, hasProgressed === true]),
    [
      [undefined, undefined, false], // a
      [undefined, undefined, false], // b
      ["compensating", reason, false], // c
      [undefined, undefined, false], // b is undone
      ["compensated", undefined, false],
    ],
  );
});
