import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, sagaRecovery } from "../../../src/saga/mod.ts";
import type { SagaStore } from "../../../src/storage/mod.ts";
import { storeWith } from "./faulty_store.ts";
import { fail, inTime, trio, workshop } from "./support.ts";

const NOTHING = {
  hasMore: false,
  claimed: 0,
  completed: 0,
  compensated: 0,
  failed: 0,
  parked: 0,
  waiting: 0,
  errors: 0,
};

/** Leaves sagas behind their first step. */
async function left(count: number, scripts: Parameters<typeof trio>[0] = {}) {
  const made = trio(scripts);
  for (let n = 0; n < count; n++) {
    for await (const _item of made.app.stream(made.definition({ n }, { id: `s${n}` }))) break;
  }
  made.lines.length = 0;
  return made;
}

/** A storage whose calls go through a test first. */
function spied(store: SagaStore, before: (name: string) => unknown): SagaStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        await before(String(name));
        return await value.apply(target, args);
      };
    },
  });
}

Deno.test("tick() goes on with sagas that nobody has, skips the steps that are done, and leaves nothing", async () => {
  const { app, lines } = await left(3);
  const recovery = sagaRecovery(app);
  assert.deepEqual(await recovery.tick({ budgetMs: 1_000 }), {
    ...NOTHING,
    claimed: 3,
    completed: 3,
  });
  assert.deepEqual(lines.toSorted(), ["act b", "act b", "act b", "act c", "act c", "act c"]);
  assert.deepEqual(await recovery.tick({ budgetMs: 1_000 }), NOTHING);
});

Deno.test("tick() takes up a saga that died before its first step", async () => {
  const { app, clock, storage, lines } = trio();
  await storage.sagas.create({
    id: "s",
    name: "trio",
    version: 1,
    status: "running",
    context: '{"n":1}',
    metadata: "{}",
    entries: [],
  }, { owner: "dead", leaseMs: 1_000 });
  const recovery = sagaRecovery(app);
  assert.equal((await recovery.tick({ budgetMs: 0 })).claimed, 0);
  await clock.advance(1_000);
  assert.equal((await recovery.tick({ budgetMs: 0 })).completed, 1);
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
});

Deno.test("tick() by several at once, with a live owner beside them, runs each step once", async () => {
  const { app, open, lines, clock, definition } = await left(20);
  const recoveries = [app, open(), open(), open()].map((app) =>
    sagaRecovery(app, { concurrency: 3 })
  );
  const sent = app.send(definition({ n: 1 }, { id: "live" }));
  const reports = await inTime(
    clock,
    Promise.all(recoveries.map((recovery) => recovery.tick({ budgetMs: 60_000 }))),
  );
  await sent;
  assert.equal(reports.reduce((sum, { completed }) => sum + completed, 0), 20);
  assert.equal(lines.filter((line) => line === "act b").length, 21);
  assert.equal(lines.filter((line) => line === "act c").length, 21);
});

Deno.test("tick() leaves a saga alone whose owner lives, however long its step takes", async () => {
  const goOn = Promise.withResolvers<void>();
  const { app, open, definition, clock } = trio({ "act b": () => goOn.promise });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  for (let n = 0; n < 10; n++) {
    await clock.advance(60_000);
    assert.equal((await sagaRecovery(open()).tick({ budgetMs: 0 })).claimed, 0);
  }
  goOn.resolve();
  await sent;
});

Deno.test("tick() goes on with the names that it is given, and by default with those of its application", async () => {
  const { app, options } = await left(1);
  const Other = saga("other", { version: 1, context: type<object>() }).step("a", () => {});
  const other = bootstrap(handlers().saga(Other), options);
  assert.equal((await sagaRecovery(other).tick({ budgetMs: 0 })).claimed, 0);
  assert.equal((await sagaRecovery(app, { names: ["x"] }).tick({ budgetMs: 0 })).claimed, 0);
  assert.equal((await sagaRecovery(app, { names: ["trio"] }).tick({ budgetMs: 0 })).claimed, 1);
});

Deno.test("tick() spares sagas that were written not so long ago", async () => {
  const { app, clock } = await left(1);
  const recovery = sagaRecovery(app, { idleMs: 60_000 });
  await clock.advance(59_999);
  assert.equal((await recovery.tick({ budgetMs: 0 })).claimed, 0);
  await clock.advance(1);
  assert.equal((await recovery.tick({ budgetMs: 0 })).completed, 1);
});

Deno.test("tick() with no budget does one round, and tells that there is more", async () => {
  const { app } = await left(7);
  const recovery = sagaRecovery(app, { concurrency: 5 });
  assert.deepEqual(await recovery.tick({ budgetMs: 0 }), {
    ...NOTHING,
    hasMore: true,
    claimed: 5,
    completed: 5,
  });
  assert.equal((await recovery.tick({ budgetMs: 0 })).completed, 2);
});

Deno.test("tick() has no more sagas at hand than it may, and one that takes long does not keep the others", async () => {
  let active = 0;
  let most = 0;
  let done = 0;
  const goOn = Promise.withResolvers<void>();
  const { app, clock } = await left(12, {
    "act b": async ({ sagaId }) => {
      most = Math.max(most, ++active);
      await (sagaId === "s0" ? goOn.promise : Promise.resolve());
      active--;
      if (++done === 11) goOn.resolve();
    },
  });
  const tick = sagaRecovery(app, { concurrency: 3 }).tick({ budgetMs: 60_000 });
  assert.equal((await inTime(clock, tick)).completed, 12);
  assert.equal(most, 3);
});

Deno.test("tick() rejects with the reason of its signal, and the step at hand is finished", async () => {
  const leaving = new AbortController();
  const { app, lines } = await left(1, { "act b": () => leaving.abort(new Error("Enough")) });
  const recovery = sagaRecovery(app);
  await assert.rejects(recovery.tick({ budgetMs: 1_000, signal: leaving.signal }), /Enough/);
  assert.deepEqual(lines, ["act b"]);
  assert.equal((await app.sagas.history("s0"))?.leaseLeftMs, 0);
  await assert.rejects(recovery.tick({ budgetMs: 1_000, signal: leaving.signal }), /Enough/);
  assert.equal((await recovery.tick({ budgetMs: 1_000 })).completed, 1);
});

Deno.test("tick() that leaves as it has taken up a saga does not count that against it, and has nobody wait", async () => {
  const { open, storage } = await left(1);
  const leaving = new AbortController();
  const sagas = spied(storage.sagas, (name) => {
    if (name === "claimDue") leaving.abort(new Error("Enough"));
  });
  const recovery = sagaRecovery(open({ storage: { outbox: storage.outbox, sagas } }));
  await assert.rejects(recovery.tick({ budgetMs: 1_000, signal: leaving.signal }), /Enough/);
  const snapshot = await storage.sagas.load("s0");
  assert.equal(snapshot?.record.attempts, 0);
  assert.equal((await sagaRecovery(open()).tick({ budgetMs: 1_000 })).completed, 1);
});

Deno.test("tick() of an application that is disposed takes up nothing", async () => {
  const { open, storage } = await left(1);
  const app = open();
  await app[Symbol.asyncDispose]();
  const before = await storage.sagas.load("s0");
  await assert.rejects(sagaRecovery(app).tick({ budgetMs: 1_000 }), { name: "AppClosedError" });
  assert.deepEqual(await storage.sagas.load("s0"), before);
});

Deno.test("tick() leaves a saga whose step is to be tried again until its time, and does not count that against it", async () => {
  const { options, clock } = workshop();
  const begun: number[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("first", () => {})
    .step("flaky", {
      act: () => {
        begun.push(clock.now());
        if (begun.length < 8) throw new Error("No");
      },
      retry: { maxAttempts: 8, backoff: () => 100 },
    });
  const app = bootstrap(handlers().saga(Order), options);
  for await (const _item of app.stream(Order({}, { id: "s" }))) break;
  const recovery = sagaRecovery(app);
  for (let n = 0; n < 7; n++) {
    assert.deepEqual(await recovery.tick({ budgetMs: 0 }), { ...NOTHING, claimed: 1, waiting: 1 });
    assert.equal((await recovery.tick({ budgetMs: 0 })).claimed, 0);
    await clock.advance(100);
  }
  assert.equal((await recovery.tick({ budgetMs: 0 })).completed, 1);
  assert.deepEqual(begun.slice(1).map((at, n) => at - (begun[n] ?? 0)), Array(7).fill(100));
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("tick() tries compensations again on the schedule that is stored, and counts what cannot be undone", async () => {
  const { app, clock, lines } = await left(1, {
    "act b": fail(new Error("No")),
    "undo a": fail(new Error("Not undone")),
  });
  const recovery = sagaRecovery(app);
  assert.equal((await recovery.tick({ budgetMs: 0 })).waiting, 1);
  await clock.advance(1_000);
  assert.equal((await recovery.tick({ budgetMs: 0 })).waiting, 1);
  await clock.advance(1_999);
  assert.equal((await recovery.tick({ budgetMs: 0 })).claimed, 0);
  await clock.advance(1);
  assert.deepEqual(await recovery.tick({ budgetMs: 0 }), { ...NOTHING, claimed: 1, failed: 1 });
  assert.deepEqual(lines, ["act b", "undo a", "undo a", "undo a"]);
});

/** An application in which no step gets on: its storage takes no checkpoint of an act. */
async function stuck() {
  const made = await left(1);
  const { sagas: store } = made.storage;
  const sagas = storeWith(store, {
    checkpoint: (id, revision, change) =>
      change.parkedReason === undefined
        ? Promise.reject(new Error("Away"))
        : store.checkpoint(id, revision, change),
  });
  const app = made.open({ storage: { outbox: made.storage.outbox, sagas } });
  return { ...made, app };
}

Deno.test("tick() leaves a saga that does not get on alone for longer each time, and parks it when its attempts are used up", async () => {
  const { app, clock, events, definition } = await stuck();
  const recovery = sagaRecovery(app, { maxAttempts: 3, backoffMs: 1_000 });
  const tick = () => inTime(clock, recovery.tick({ budgetMs: 0 }), 1_000);
  assert.deepEqual(await tick(), { ...NOTHING, claimed: 1, errors: 1 });
  const claims: number[] = [];
  for (let n = 0; n < 200 && claims.length < 3; n++) {
    const before = clock.now();
    if ((await tick()).claimed > 0) claims.push(before);
    await clock.advance(1_000);
  }
  const [second = 0, third = 0, fourth = 0] = claims;
  assert.ok(third - second >= 32_000, String(claims)); // the lease, and twice the backoff
  assert.ok(fourth - third >= 34_000, String(claims));
  const outcome = await app.sagas.get("s0");
  assert.equal(outcome?.parkedReason, "it was taken up 3 times and did not get on");
  assert.equal(outcome?.status, "running");
  assert.deepEqual(events.filter(({ type }) => type === "saga_parked"), [{
    type: "saga_parked",
    id: "s0",
    name: "trio",
    reason: "it was taken up 3 times and did not get on",
  }]);
  assert.equal((await tick()).claimed, 0);
  assert.equal((await app.sagas.statistics()).parked, 1);
  await assert.rejects(
    app.send(definition({ n: 1 }, { id: "s0" })),
    /which is running, as it is parked/,
  );
});

Deno.test("tick() tells the observer once of a saga that it could not go on with", async () => {
  const { app, clock, events } = await stuck();
  await inTime(clock, sagaRecovery(app).tick({ budgetMs: 0 }), 1_000);
  const errors = events.flatMap((event) => event.type === "saga_left" ? [String(event.error)] : []);
  // Going on with it, and giving it up.
  assert.deepEqual(errors, ["Error: Away", "Error: Away"]);
});

Deno.test("tick() gives a parked saga that was resumed all its attempts again", async () => {
  const { app, open, clock, storage } = await stuck();
  const recovery = sagaRecovery(app, { maxAttempts: 1, backoffMs: 0 });
  await inTime(clock, recovery.tick({ budgetMs: 0 }), 1_000);
  await clock.advance(40_000);
  assert.equal((await recovery.tick({ budgetMs: 0 })).parked, 1);
  const good = open();
  await good.sagas.resume("s0");
  assert.equal((await storage.sagas.load("s0"))?.record.attempts, 0);
  assert.equal((await sagaRecovery(good).tick({ budgetMs: 0 })).completed, 1);
});

Deno.test("tick() parks a saga whose version or step is not known any more, with the reason", async () => {
  const { options } = workshop();
  const step = () => {};
  const One = saga("order", { version: 1, context: type<object>() }).step("a", step).step(
    "b",
    step,
  );
  const Two = saga("order", { version: 2, context: type<object>() }).step("a", step).step(
    "c",
    step,
  );
  const old = bootstrap(handlers().saga(One), options);
  for await (const _item of old.stream(One({}, { id: "version" }))) break;
  const next = bootstrap(handlers().saga(Two), options);
  assert.deepEqual(await sagaRecovery(next).tick({ budgetMs: 0 }), {
    ...NOTHING,
    claimed: 1,
    parked: 1,
  });
  assert.equal(
    (await next.sagas.get("version"))?.parkedReason,
    'version 1 of saga "order" is not known',
  );
  for await (const _item of next.stream(Two({}, { id: "step" }))) break;
  const Changed = saga("order", { version: 2, context: type<object>() }).step("b", step).step(
    "a",
    step,
  );
  const changed = bootstrap(handlers().saga(Changed), options);
  assert.equal((await sagaRecovery(changed).tick({ budgetMs: 0 })).parked, 1);
  assert.equal(
    (await changed.sagas.get("step"))?.parkedReason,
    'its log has done something of step "a" before step "b", which its definition has before it',
  );
});

Deno.test("tick() goes on with earlier versions by their own steps", async () => {
  const { options } = workshop();
  const lines: string[] = [];
  const step = (line: string) => () => void lines.push(line);
  const One = saga("order", { version: 1, context: type<object>() })
    .step("a", step("a1")).step("b", step("b1"));
  const Two = saga("order", { version: 2, context: type<object>() })
    .step("x", step("x2"));
  const old = bootstrap(handlers().saga(One), options);
  for await (const _item of old.stream(One({}, { id: "s" }))) break;
  const next = bootstrap(handlers().saga(Two, One), options);
  assert.equal((await sagaRecovery(next).tick({ budgetMs: 0 })).completed, 1);
  await next.send(Two({}));
  assert.deepEqual(lines, ["a1", "b1", "x2"]);
  assert.equal((await next.sagas.get("s"))?.version, 1);
});

Deno.test("tick() leaves a saga of a newer version alone until its attempts are used up", async () => {
  const { options, clock } = workshop();
  const step = () => {};
  const One = saga("order", { version: 1, context: type<object>() }).step("a", step);
  const Two = saga("order", { version: 2, context: type<object>() }).step("a", step).step(
    "b",
    step,
  );
  const next = bootstrap(handlers().saga(Two, One), options);
  for await (const _item of next.stream(Two({}, { id: "s" }))) break;
  const old = bootstrap(handlers().saga(One), options);
  const recovery = sagaRecovery(old, { maxAttempts: 2, backoffMs: 1_000 });
  assert.deepEqual(await recovery.tick({ budgetMs: 0 }), { ...NOTHING, claimed: 1, waiting: 1 });
  assert.equal((await recovery.tick({ budgetMs: 0 })).claimed, 0);
  await clock.advance(60_000);
  assert.equal((await recovery.tick({ budgetMs: 0 })).waiting, 1);
  await clock.advance(60_000);
  assert.equal((await recovery.tick({ budgetMs: 0 })).parked, 1);
  assert.equal((await old.sagas.get("s"))?.parkedReason, 'version 2 of saga "order" is not known');
});

Deno.test("tick() rejects with what the storage throws as it claims", async () => {
  const { open, storage } = await left(1);
  const sagas = spied(storage.sagas, (name) => name === "claimDue" && fail(new Error("Away"))());
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  await assert.rejects(sagaRecovery(app).tick({ budgetMs: 0 }), /Away/);
});

Deno.test("run() goes on with sagas until it is disposed", async () => {
  const { app, clock } = await left(2);
  const reports: number[] = [];
  const first = Promise.withResolvers<void>();
  const loop = sagaRecovery(app).run({
    intervalMs: 500,
    onError: (error) => assert.fail(String(error)),
    onReport: ({ completed }) => {
      reports.push(completed);
      first.resolve();
    },
  });
  await first.promise;
  await clock.timersPending();
  await clock.advance(500);
  await loop[Symbol.asyncDispose]();
  assert.deepEqual(reports, [2, 0]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("sagaRecovery() refuses numbers out of their range, and applications without sagas", () => {
  const { app } = trio();
  for (
    const options of [
      { concurrency: 0 },
      { concurrency: 1_001 },
      { concurrency: 1.5 },
      { maxAttempts: 0 },
      { idleMs: -1 },
      { backoffMs: NaN },
      { maxBackoffMs: Infinity },
    ]
  ) assert.throws(() => sagaRecovery(app, options), RangeError);
  assert.throws(() => sagaRecovery(bootstrap(handlers())), TypeError);
  assert.throws(() => sagaRecovery({ sagas: {} as never }), TypeError);
});

Deno.test("tick() parks a saga of which something is stored that is no JSON, and those who look are told", async () => {
  for (const damage of [{ context: "{no" }, { metadata: "no" }]) {
    const { app, storage, definition, clock } = trio();
    const whole = { name: definition.type, version: 1, status: "running", entries: [] } as const;
    const texts = { context: "{}", metadata: "{}", ...damage };
    await storage.sagas.create({ id: "s", ...whole, ...texts }, { owner: "o", leaseMs: 1 });
    await clock.advance(1);
    const report = await sagaRecovery(app).tick({ budgetMs: 0 });
    assert.deepEqual([report.claimed, report.parked, report.errors], [1, 1, 0]);
    const history = await app.sagas.history("s");
    assert.equal(history?.parkedReason, "what is stored of it is no JSON");
    assert.equal(history.context, texts.context);
    if ("context" in damage) {
      await assert.rejects(app.sagas.get("s"), { code: "saga_incompatible" });
    } else assert.equal((await app.sagas.get("s"))?.parkedReason, history.parkedReason);
  }
});
