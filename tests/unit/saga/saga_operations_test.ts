import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError } from "../../../src/saga/mod.ts";
import { faultyStore, storeWith } from "./faulty_store.ts";
import { fail, inTime, logOf, trio, workshop } from "./support.ts";

/** A saga that has failed, as b could not be undone; `isGood` lets it be. */
async function failedSaga() {
  const world = { isGood: false };
  const made = trio({
    "act c": fail(new Error("No")),
    "undo b": () => {
      if (!world.isGood) throw new Error("Not undone");
    },
  });
  await inTime(made.clock, made.app.send(made.definition({ n: 1 }, { id: "s" })).catch(() => {}));
  assert.equal((await made.app.sagas.get("s"))?.status, "failed");
  made.lines.length = 0;
  return { ...made, world };
}

/** A saga that was left before b. */
async function leftSaga(scripts: Parameters<typeof trio>[0] = {}) {
  const made = trio(scripts);
  for await (const _item of made.app.stream(made.definition({ n: 1 }, { id: "s" }))) break;
  made.lines.length = 0;
  return made;
}

/** A saga that waits for its next attempt at undoing a, and that nobody has. */
async function postponedSaga() {
  const world = { isGood: false };
  const made = trio({
    "act b": fail(new Error("No")),
    "undo a": () => {
      if (!world.isGood) throw new Error("Not undone");
    },
  });
  const leaving = new AbortController();
  const sent = made.app.send(made.definition({ n: 1 }, { id: "s" }), { signal: leaving.signal });
  await made.clock.timersPending(2);
  leaving.abort(new Error("Enough"));
  await sent.catch(() => {});
  await made.clock.advance(0);
  made.lines.length = 0;
  return { ...made, world };
}

async function park(made: { storage: ReturnType<typeof workshop>["storage"] }) {
  const found = await made.storage.sagas.claim("s", { owner: "somebody", leaseMs: 1 });
  await made.storage.sagas.checkpoint("s", found?.record.revision ?? 0, {
    entries: [{
      number: (found?.log.length ?? 0) + 1,
      action: "park",
      status: "completed",
      attempt: 1,
      error: "For a test",
    }],
    parkedReason: "For a test",
    leaseMs: 0,
  });
}

Deno.test("get() and history() give nothing for a saga that is not there, and operations say so", async () => {
  const { app } = trio();
  assert.equal(await app.sagas.get("none"), undefined);
  assert.equal(await app.sagas.history("none"), undefined);
  const { sagas } = app;
  for (
    const operation of [
      () => sagas.recover("none"),
      () => sagas.resume("none"),
      () => sagas.retryStep("none", "a"),
      () => sagas.skipStep("none", "a"),
      () => sagas.compensate("none"),
      () => sagas.signal("none", "x"),
    ]
  ) await assert.rejects(operation(), { code: "saga_not_found", sagaId: "none" });
});

Deno.test("history() gives the whole log with times, and what is stored", async () => {
  const { app, definition, clock } = trio({ "act b": () => clock.advance(5_000) });
  await app.send(definition({ n: 1 }, { id: "s" }));
  const history = await app.sagas.history("s");
  assert.ok(history);
  const { log, name, version, status, context } = history;
  assert.deepEqual([name, version, status, context], ["trio", 1, "completed", '{"n":1}']);
  assert.deepEqual(log.map(({ number }) => number), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(log.map(({ at }) => at.getTime() - 1_000_000), [0, 0, 0, 5_000, 5_000, 5_000]);
});

Deno.test("a second view of the storage sees the state and the history that the first has written", async () => {
  const { app, open, definition } = trio();
  await app.send(definition({ n: 1 }, { id: "s" }));
  const other = open();
  assert.deepEqual(await other.sagas.get("s"), await app.sagas.get("s"));
  assert.deepEqual(await other.sagas.history("s"), await app.sagas.history("s"));
});

Deno.test("list() finds sagas by status, name, age and whether they are parked", async () => {
  const made = await leftSaga();
  await made.app.send(made.definition({ n: 1 }, { id: "done" }));
  const ids = async (filter: Parameters<typeof made.app.sagas.list>[0]) =>
    (await made.app.sagas.list(filter)).map(({ id }) => id);
  assert.deepEqual(await ids({}), ["s", "done"]);
  assert.deepEqual(await ids({ status: "running" }), ["s"]);
  assert.deepEqual(await ids({ status: ["completed", "failed"] }), ["done"]);
  assert.deepEqual(await ids({ name: "other" }), []);
  assert.deepEqual(await ids({ minAgeMs: 1 }), []);
  await park(made);
  assert.deepEqual(await ids({ isParked: true }), ["s"]);
  await assert.rejects(made.app.sagas.list({ limit: 0 }), RangeError);
});

Deno.test("start() resolves when the saga is stored, and goes on in the background", async () => {
  const goOn = Promise.withResolvers<void>();
  const { app, definition } = trio({ "act a": () => goOn.promise });
  const { id, isNew, settled } = await app.sagas.start(definition({ n: 1 }, { id: "s" }));
  assert.deepEqual([id, isNew], ["s", true]);
  assert.equal((await app.sagas.get("s"))?.status, "running");
  goOn.resolve();
  await settled;
  assert.equal((await app.sagas.get("s"))?.status, "completed");
});

Deno.test("start() does nothing when there is a saga with the id", async () => {
  const { app, definition, lines } = trio();
  await app.send(definition({ n: 1 }, { id: "s" }));
  const { isNew, settled } = await app.sagas.start(definition({ n: 1 }, { id: "s" }));
  await settled;
  assert.equal(isNew, false);
  assert.equal(lines.length, 3);
});

Deno.test("start() refuses a saga that nothing handles, and what follows never rejects", async () => {
  const { app, definition } = trio({ "act a": fail(new Error("No")) });
  const Other = saga("other", { version: 1, context: type<object>() });
  await assert.rejects(app.sagas.start(Other({})), { code: "handler_not_found" });
  await (await app.sagas.start(definition({ n: 1 }))).settled;
});

Deno.test("follow() gives the progress of a saga from a place in its log, whoever goes on with it, and its end", async () => {
  const goOn = Promise.withResolvers<void>();
  const { app, open, definition, clock } = trio({ "act b": () => goOn.promise });
  const { settled } = await app.sagas.start(definition({ n: 1 }, { id: "s" }));
  const names: string[] = [];
  const reading = (async () => {
    for await (const { name } of open().sagas.follow(definition, "s", { after: 2 })) {
      names.push(name);
    }
  })();
  await clock.advance(1_000);
  goOn.resolve();
  await inTime(clock, Promise.all([settled, reading]));
  assert.deepEqual(names, ["b", "c"]);
});

Deno.test("follow() throws how a saga has failed, that there is none, and the reason of its signal", async () => {
  const { app, definition } = trio({
    "act b": fail(new Error("No")),
    "act a": ({ sagaId }) => sagaId === "hangs" ? new Promise(() => {}) : undefined,
  });
  await app.send(definition({ n: 1 }, { id: "s" })).catch(() => {});
  const read = async (id: string, signal?: AbortSignal) => {
    for await (const _item of app.sagas.follow(definition, id, { signal }));
  };
  await assert.rejects(read("s"), SagaFailedError);
  await assert.rejects(read("none"), { code: "saga_not_found" });
  await app.sagas.start(definition({ n: 1 }, { id: "hangs" }));
  await assert.rejects(read("hangs", AbortSignal.abort(new Error("Enough"))), /Enough/);
});

Deno.test("recover() goes on with a saga from where it was left, with the context that is stored", async () => {
  const { options } = workshop();
  const seen: unknown[] = [];
  const Order = saga("order", { version: 1, context: type<{ n: number }>() })
    .step("a", () => ({ n: 2 }))
    .step("b", (context) => {
      seen.push({ ...context });
      return { m: 3 };
    });
  const app = bootstrap(handlers().saga(Order), options);
  for await (const _item of app.stream(Order({ n: 1 }, { id: "s" }))) break;
  const outcome = await bootstrap(handlers().saga(Order), options).sagas.recover("s");
  assert.equal(outcome.status, "completed");
  assert.deepEqual(outcome.context, { n: 2, m: 3 });
  assert.deepEqual(seen, [{ n: 2 }]);
  assert.equal((await app.sagas.history("s"))?.context, '{"n":2,"m":3}');
});

Deno.test("recover() leaves a saga as it is that has ended, whatever became of it", async () => {
  const { app, definition, lines } = trio();
  await app.send(definition({ n: 1 }, { id: "s" }));
  const before = await app.sagas.history("s");
  assert.equal((await app.sagas.recover("s")).status, "completed");
  assert.deepEqual(await app.sagas.history("s"), before);
  assert.equal(lines.length, 3);
  const failed = await failedSaga();
  assert.equal((await failed.app.sagas.recover("s")).status, "failed");
  assert.deepEqual(failed.lines, []);
});

Deno.test("recover() leaves a saga as it is that is parked", async () => {
  const made = await leftSaga();
  await park(made);
  assert.equal((await made.app.sagas.recover("s")).parkedReason, "For a test");
  assert.deepEqual(made.lines, []);
});

Deno.test("recover() of a saga whose step fails has it compensated", async () => {
  const { app, lines } = await leftSaga({ "act b": fail(new Error("No")) });
  const outcome = await app.sagas.recover("s");
  assert.equal(outcome.status, "compensated");
  assert.equal(outcome.error, 'Step "b": Error: No');
  assert.deepEqual(lines, ["act b", "undo a"]);
});

Deno.test("recover() rejects with the reason of its signal, and the step at hand is finished", async () => {
  const leaving = new AbortController();
  const { app, lines } = await leftSaga({ "act b": () => leaving.abort(new Error("Enough")) });
  await assert.rejects(app.sagas.recover("s", { signal: leaving.signal }), /Enough/);
  assert.deepEqual(lines, ["act b"]);
  assert.equal((await app.sagas.recover("s")).status, "completed");
  await assert.rejects(app.sagas.recover("s", { signal: leaving.signal }), /Enough/);
});

Deno.test("recover() refuses a saga that only others know, and parks one whose log does not fit", async () => {
  const { options } = workshop();
  const Order = saga("order", { version: 2, context: type<object>() });
  const one = Order.step("a", () => {}).step("b", () => {});
  const app = bootstrap(handlers().saga(one), options);
  for await (const _item of app.stream(one({}, { id: "s" }))) break;
  const Other = saga("other", { version: 1, context: type<object>() });
  const Older = saga("order", { version: 1, context: type<object>() });
  const strangers = [
    bootstrap(handlers().saga(Other), options),
    bootstrap(handlers().saga(Older), options),
  ];
  for (const { sagas } of strangers) {
    await assert.rejects(sagas.recover("s"), {
      code: "saga_operation",
    });
    assert.equal((await app.sagas.get("s"))?.parkedReason, undefined);
  }
  const changed = bootstrap(handlers().saga(Order.step("b", () => {})), options);
  const outcome = await changed.sagas.recover("s");
  assert.equal(
    outcome.parkedReason,
    'its log has a step "a" that its definition does not have',
  );
  assert.equal((await logOf(app, "s")).at(-1), "park completed");
});

Deno.test("recover() by two at once runs each step once", async () => {
  const { app, open, lines } = await leftSaga();
  const [one, two] = await Promise.allSettled([app.sagas.recover("s"), open().sagas.recover("s")]);
  assert.deepEqual([one?.status, two?.status].toSorted(), ["fulfilled", "rejected"]);
  assert.deepEqual(lines, ["act b", "act c"]);
});

Deno.test("resume() lets a parked saga go on, and is recorded", async () => {
  const made = await leftSaga();
  await park(made);
  await made.app.sagas.resume("s", { reason: "Repaired" });
  assert.equal((await made.app.sagas.get("s"))?.parkedReason, undefined);
  const entry = (await made.app.sagas.history("s"))?.log.at(-1);
  assert.deepEqual([entry?.action, entry?.error], ["resume", "Repaired"]);
  assert.equal((await made.app.sagas.recover("s")).status, "completed");
});

Deno.test("resume() gives a compensation its attempts again, and has it tried at once", async () => {
  const { app, clock, lines } = await postponedSaga();
  await app.sagas.resume("s");
  assert.equal((await app.sagas.history("s"))?.resumeInMs, 0);
  assert.equal((await inTime(clock, app.sagas.recover("s"))).status, "failed");
  assert.equal(lines.length, 3); // all of them, though one was made before
});

Deno.test("resume() is refused for a saga that has ended", async () => {
  const { app, definition } = trio();
  await app.send(definition({ n: 1 }, { id: "s" }));
  await assert.rejects(app.sagas.resume("s"), {
    code: "saga_operation",
    message: 'Cannot resume saga "s" as it is completed',
  });
  await assert.rejects((await failedSaga()).app.sagas.resume("s"), { code: "saga_operation" });
});

Deno.test("retryStep() has a compensation tried again that has failed for good", async () => {
  const { app, world, lines } = await failedSaga();
  world.isGood = true;
  await app.sagas.retryStep("s", "b", { reason: "Repaired" });
  assert.equal((await app.sagas.get("s"))?.status, "compensating");
  const outcome = await app.sagas.recover("s");
  assert.equal(outcome.status, "compensated");
  assert.deepEqual(lines, ["undo b"]);
  const entry = (await app.sagas.history("s"))?.log.find(({ action }) => action === "retry");
  assert.deepEqual([entry?.step, entry?.error], ["b", "Repaired"]);
});

Deno.test("retryStep() gives the step at hand its attempts again", async () => {
  const { app, world, clock, lines } = await postponedSaga();
  await app.sagas.retryStep("s", "a");
  await assert.doesNotReject(inTime(clock, app.sagas.recover("s")));
  assert.equal(lines.length, 3); // all of them, though one was made before
  world.isGood = true;
  await app.sagas.retryStep("s", "a");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
});

Deno.test("retryStep() and skipStep() are refused for other steps, for none, and for sagas that have ended well", async () => {
  const { app, definition } = await leftSaga();
  for (const operation of ["retryStep", "skipStep"] as const) {
    await assert.rejects(app.sagas[operation]("s", "a"), /as it is not at that step/);
    await assert.rejects(app.sagas[operation]("s", "c"), /as it is not at that step/);
    await assert.rejects(app.sagas[operation]("s", "x"), /as it has no such step/);
  }
  await app.send(definition({ n: 1 }, { id: "t" }));
  await assert.rejects(app.sagas.retryStep("t", "a"), /as it is completed/);
  await assert.rejects(app.sagas.skipStep("t", "a"), /as it is completed/);
  const failed = await failedSaga();
  await assert.rejects(failed.app.sagas.retryStep("s", "a"), /as it is not at that step/);
});

Deno.test("skipStep() counts the step at hand as done", async () => {
  const { app, lines, definition } = await leftSaga();
  await app.sagas.skipStep("s", "b", { reason: "By phone" });
  const outcome = await app.sagas.recover("s");
  assert.equal(outcome.status, "completed");
  assert.deepEqual(outcome.steps.map(({ status }) => status), [
    "completed",
    "skipped",
    "completed",
  ]);
  assert.deepEqual(lines, ["act c"]);
  const seen: string[] = [];
  for await (const { name, status } of app.sagas.follow(definition, "s")) {
    seen.push(`${name} ${status}`);
  }
  assert.deepEqual(seen, ["a completed", "b skipped", "c completed"]);
});

Deno.test("skipStep() of the last step completes a saga", async () => {
  const { options } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", () => {}).waitFor("b");
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}, { id: "s" }));
  await app.sagas.skipStep("s", "b");
  assert.equal((await app.sagas.get("s"))?.status, "completed");
  assert.equal((await app.send(Order({}, { id: "s" }))).status, "completed");
});

Deno.test("skipStep() counts what could not be undone as undone", async () => {
  const { app, lines } = await failedSaga();
  await app.sagas.skipStep("s", "b");
  const outcome = await app.sagas.get("s");
  assert.equal(outcome?.status, "compensated");
  assert.deepEqual(outcome?.steps.map(({ status }) => status), [
    "compensated",
    "skipped",
    "failed",
  ]);
  assert.deepEqual(lines, []);
});

Deno.test("a step that was skipped is not undone when its saga turns back", async () => {
  const { app, lines } = await leftSaga({ "act c": fail(new Error("No")) });
  await app.sagas.skipStep("s", "b");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(lines, ["act c", "undo a"]);
});

Deno.test("operations are refused while somebody has the saga", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { app, definition } = trio({
    "act a": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  const { sagas } = app;
  for (
    const operation of [
      () => sagas.resume("s"),
      () => sagas.retryStep("s", "a"),
      () => sagas.skipStep("s", "a"),
      () => sagas.recover("s"),
    ]
  ) await assert.rejects(operation(), { code: "saga_busy", leaseLeftMs: 30_000 });
  goOn.resolve();
  await sent;
});

Deno.test("operations on a version that is not known say so", async () => {
  const { app, options } = await leftSaga();
  const Newer = saga("trio", { version: 2, context: type<object>() }).step("b", () => {});
  const { sagas } = bootstrap(handlers().saga(Newer), options);
  await assert.rejects(sagas.skipStep("s", "b"), /as version 1 of it is not known/);
  await assert.rejects(sagas.compensate("s"), /as version 1 of it is not known/);
  await sagas.resume("s");
  assert.equal((await app.sagas.recover("s")).status, "completed");
});

Deno.test("an operation rejects when it took longer than its lease, as nothing is written", async () => {
  const made = await leftSaga();
  const sagas = storeWith(made.storage.sagas, { checkpoint: () => Promise.resolve(undefined) });
  const slow = made.open({ storage: { outbox: made.storage.outbox, sagas } });
  await assert.rejects(slow.sagas.skipStep("s", "b"), { code: "saga_busy" });
});

Deno.test("a step of which nobody knows is not undone once it was skipped", async () => {
  const { app, lines, storage } = await leftSaga({ "act c": fail(new Error("No")) });
  const claimed = await storage.sagas.claim("s", { owner: "dead", leaseMs: 1_000 });
  const number = (claimed?.log.length ?? 0) + 1;
  await storage.sagas.checkpoint("s", claimed?.record.revision ?? 0, {
    entries: [{ number, action: "act", step: "b", status: "started", attempt: 1 }],
    leaseMs: 0,
  });
  await app.sagas.skipStep("s", "b");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(lines, ["act c", "undo a"]);
});

Deno.test("recover() does not go on with a saga that is parked as it is being taken up", async () => {
  const made = await leftSaga();
  const { storage } = made;
  const sagas = storeWith(storage.sagas, {
    async claim(id, lease) {
      await park(made);
      return await storage.sagas.claim(id, lease);
    },
  });
  const app = made.open({ storage: { outbox: made.storage.outbox, sagas } });
  assert.equal((await app.sagas.recover("s")).parkedReason, "For a test");
  assert.deepEqual(made.lines, []);
  assert.equal((await made.app.sagas.history("s"))?.leaseLeftMs, 0);
});

Deno.test("recover() rejects with what the storage throws, and does nothing then", async () => {
  for (const method of ["load", "claim"] as const) {
    const { open, storage, lines } = await leftSaga();
    const sagas = faultyStore(storage.sagas, { method, from: 1, times: 1, when: "before" });
    const app = open({ storage: { outbox: storage.outbox, sagas } });
    await assert.rejects(app.sagas.recover("s"), { message: `No ${method}` });
    assert.deepEqual(lines, []);
    assert.equal((await storage.sagas.load("s"))?.record.owner, undefined);
    assert.equal((await app.sagas.recover("s")).status, "completed"); // the storage answers again
    assert.deepEqual(lines, ["act b", "act c"]);
  }
});
