import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError } from "../../../src/saga/mod.ts";
import { storeWith } from "./faulty_store.ts";
import { fail, inTime, trio, workshop } from "./support.ts";

for (const count of [2, 10]) {
  Deno.test(`send() of one saga ${count} times at once runs each step once, and all get the same outcome`, async () => {
    const { app, definition, lines, clock } = trio();
    const calls = Array.from({ length: count }, () => app.send(definition({ n: 1 }, { id: "s" })));
    const outcomes = await inTime(clock, Promise.all(calls));
    for (const outcome of outcomes) assert.deepEqual(outcome, outcomes[0]);
    assert.deepEqual(lines, ["act a", "act b", "act c"]);
    assert.equal(clock.pendingTimers, 0);
  });
}

Deno.test("stream() of one saga ten times at once gives all readers the same items", async () => {
  const { app, definition, lines, clock } = trio({ "act c": fail(new Error("No")) });
  const read = async () => {
    const items: unknown[] = [];
    const stream = app.stream(definition({ n: 1 }, { id: "s" }));
    await assert.rejects(async () => {
      for await (const item of stream) items.push(item);
    }, SagaFailedError);
    return items;
  };
  const all = await inTime(clock, Promise.all(Array.from({ length: 10 }, read)));
  assert.equal(all[0]?.length, 5);
  for (const items of all) assert.deepEqual(items, all[0]);
  assert.deepEqual(lines, ["act a", "act b", "act c", "undo b", "undo a"]);
});

Deno.test("ten sagas at once on one storage all complete, in two applications", async () => {
  const { app, open, definition, lines, clock } = trio();
  const apps = [app, open()];
  const calls = Array.from(
    { length: 10 },
    (_, n) => apps[n % 2]?.send(definition({ n }, { id: `s${n}` })),
  );
  const outcomes = await inTime(clock, Promise.all(calls));
  assert.ok(outcomes.every((outcome) => outcome?.status === "completed"));
  assert.equal(lines.length, 30);
});

Deno.test("a second application follows a saga that the first goes on with, and gets the same items", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { app, open, definition, lines, clock } = trio({
    "act b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const first = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  const names: string[] = [];
  const other = open();
  const second = (async () => {
    for await (const { name } of other.stream(definition({ n: 2 }, { id: "s" }))) names.push(name);
  })();
  await clock.timersPending(2); // the heartbeat, and the follower's next look
  assert.deepEqual(names, ["a"]);
  goOn.resolve();
  await first;
  await inTime(clock, second);
  assert.deepEqual(names, ["a", "b", "c"]);
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a follower in the same application is told at once, without a timer", async () => {
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { app, definition } = trio({
    "act b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const first = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  const second = app.send(definition({ n: 1 }, { id: "s" }));
  goOn.resolve();
  assert.deepEqual(await second, await first);
});

Deno.test("a second application takes a saga over when the lease of the first has ended", async () => {
  const { definition, options, clock, storage, lines, open } = trio();
  const Hanging = saga("trio", { version: 1, context: type<{ n: number }>() })
    .step("a", () => void lines.push("act a"))
    .step("b", () => {
      lines.push("act b hangs");
      return new Promise<void>(() => {});
    })
    .step("c", () => {});
  // Its heartbeats never come, as of a process that is frozen.
  const frozen = storeWith(storage.sagas, { keep: () => new Promise(() => {}) });
  const first = bootstrap(handlers().saga(Hanging), {
    ...options,
    storage: { outbox: storage.outbox, sagas: frozen },
  });
  await first.sagas.start(Hanging({ n: 1 }, { id: "s" }));
  const sent = open().send(definition({ n: 1 }, { id: "s" }));
  await clock.advance(29_000);
  assert.deepEqual(lines, ["act a", "act b hangs"]);
  const outcome = await inTime(clock, sent);
  assert.equal(outcome.status, "completed");
  assert.deepEqual(lines, ["act a", "act b hangs", "act b", "act c"]);
});

Deno.test("a reader that aborts as it follows has no effect on the saga", async () => {
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { app, open, definition, clock } = trio({
    "act b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const first = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  const leaving = new AbortController();
  const second = open().send(definition({ n: 1 }, { id: "s" }), { signal: leaving.signal });
  await clock.timersPending(2);
  leaving.abort(new Error("Enough"));
  await assert.rejects(second, /Enough/);
  goOn.resolve();
  assert.equal((await first).status, "completed");
  await clock.advance(1_000);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("send() of a saga of a newer version leaves it to those who know that", async () => {
  const { options, clock, storage } = workshop();
  const step = () => {};
  const Old = saga("v", { version: 1, context: type<object>() }).step("a", step);
  const New = saga("v", { version: 2, context: type<object>() }).step("a", step).step("b", step);
  const next = bootstrap(handlers().saga(New, Old), options);
  for await (const _item of next.stream(New({}, { id: "s" }))) break;
  const old = bootstrap(handlers().saga(Old), options);
  const sent = old.send(Old({}, { id: "s" }));
  await clock.advance(1_000);
  assert.equal((await storage.sagas.load("s"))?.record.parkedReason, undefined);
  assert.equal((await next.sagas.recover("s")).status, "completed");
  assert.equal((await inTime(clock, sent)).version, 2);
});

Deno.test("send() of a saga whose version is forgotten parks it and rejects with why", async () => {
  const { options } = workshop();
  const step = () => {};
  const Old = saga("v", { version: 1, context: type<object>() }).step("a", step).step("b", step);
  const New = saga("v", { version: 2, context: type<object>() }).step("a", step);
  const old = bootstrap(handlers().saga(Old), options);
  for await (const _item of old.stream(Old({}, { id: "s" }))) break;
  const next = bootstrap(handlers().saga(New), options);
  await assert.rejects(next.send(New({}, { id: "s" })), (error: SagaFailedError) => {
    assert.equal(error.outcome.parkedReason, 'version 1 of saga "v" is not known');
    assert.equal(error.outcome.status, "running");
    return true;
  });
});
