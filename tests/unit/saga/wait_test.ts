import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, type SagaFailedError, sagaRecovery } from "../../../src/saga/mod.ts";
import { z } from "zod";
import { storeWith } from "./faulty_store.ts";
import { fail, inTime, logOf, workshop } from "./support.ts";

const Order = saga("order", { version: 1, context: type<{ item: string }>() })
  .step("reserve", {
    act: () => ({ reserved: true }),
    compensate: () => void undone.push("reserve"),
  })
  .waitFor("payment", { signal: "paid", data: type<{ euros: number }>() })
  .step("ship", ({ item, euros }) => ({ parcel: `${item} for ${euros}` }));

let undone: string[] = [];

function shop() {
  undone = [];
  const { options, ...rest } = workshop();
  const app = bootstrap(handlers().saga(Order), options);
  const tick = () => sagaRecovery(app).tick({ budgetMs: 1_000 });
  return { ...rest, options, app, tick };
}

Deno.test("send() of a saga resolves as it waits for a signal, and a recovery goes on when that comes", async () => {
  const { app, tick, clock } = shop();
  const outcome = await app.send(Order({ item: "lamp" }, { id: "s" }));
  assert.equal(outcome.status, "waiting");
  assert.deepEqual(outcome.context, { item: "lamp", reserved: true });
  assert.equal((await tick()).claimed, 0);
  assert.equal(await app.sagas.signal("s", "paid", { euros: 5 }), "stored");
  assert.deepEqual(await tick(), {
    hasMore: false,
    claimed: 1,
    completed: 1,
    compensated: 0,
    failed: 0,
    parked: 0,
    waiting: 0,
    errors: 0,
  });
  assert.deepEqual((await app.sagas.get("s"))?.context, {
    item: "lamp",
    reserved: true,
    euros: 5,
    parcel: "lamp for 5",
  });
  assert.equal((await app.sagas.history("s"))?.signals, 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("stream() of a saga tells that it waits, and ends; streaming it again goes on once the signal is there", async () => {
  const { app } = shop();
  const read = async () => {
    const seen: string[] = [];
    for await (const { name, status } of app.stream(Order({ item: "lamp" }, { id: "s" }))) {
      seen.push(`${name} ${status}`);
    }
    return seen;
  };
  assert.deepEqual(await read(), ["reserve completed", "payment waiting"]);
  assert.deepEqual(await read(), ["reserve completed", "payment waiting"]);
  await app.sagas.signal("s", "paid", { euros: 5 });
  assert.deepEqual(await read(), [
    "reserve completed",
    "payment waiting",
    "payment completed",
    "ship completed",
  ]);
});

Deno.test("a signal that comes early is kept", async () => {
  const { options } = workshop();
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const Early = saga("early", { version: 1, context: type<object>() })
    .step("first", () => {
      begun.resolve();
      return goOn.promise;
    })
    .waitFor("paid")
    .step("last", () => {});
  const app = bootstrap(handlers().saga(Early), options);
  const sent = app.send(Early({}, { id: "s" }));
  await begun.promise;
  assert.equal(await app.sagas.signal("s", "paid"), "stored");
  goOn.resolve();
  assert.equal((await sent).status, "completed");
});

Deno.test("a signal that comes when its saga has ended is late, and counted", async () => {
  const { app, tick } = shop();
  await app.send(Order({ item: "lamp" }, { id: "s" }));
  await app.sagas.signal("s", "paid", { euros: 5 });
  await tick();
  assert.equal(await app.sagas.signal("s", "paid", { euros: 5 }), "late");
  assert.equal((await app.sagas.statistics()).lateSignals, 1);
});

Deno.test("signals with one id are one", async () => {
  const { app } = shop();
  await app.send(Order({ item: "lamp" }, { id: "s" }));
  await app.sagas.signal("s", "other", 1, { signalId: "x" });
  await app.sagas.signal("s", "other", 2, { signalId: "x" });
  assert.equal((await app.sagas.history("s"))?.signals, 1);
});

Deno.test("signals with another name leave a saga waiting, however many come", async () => {
  const { app, tick } = shop();
  await app.send(Order({ item: "lamp" }, { id: "s" }));
  for (let n = 0; n < 20; n++) {
    await app.sagas.signal("s", "other", n);
    assert.equal((await tick()).waiting, 1, String(n));
  }
  assert.equal((await app.sagas.history("s"))?.parkedReason, undefined);
  await app.sagas.signal("s", "paid", { euros: 1 });
  assert.equal((await tick()).completed, 1);
});

Deno.test("signal() refuses what does not fit, and the saga waits on", async () => {
  const { options } = workshop();
  const Checked = saga("checked", { version: 1, context: type<object>() })
    .waitFor("paid", { data: z.object({ euros: z.number() }) });
  const app = bootstrap(handlers().saga(Checked), options);
  await app.send(Checked({}, { id: "s" }));
  await assert.rejects(app.sagas.signal("s", "paid", { euros: "5" }), {
    code: "message_validation",
  });
  assert.equal((await app.sagas.get("s"))?.status, "waiting");
  await app.sagas.signal("s", "paid", { euros: 5 });
  assert.equal((await app.sagas.recover("s")).status, "completed");
});

Deno.test("signal() refuses names that are none, data that JSON cannot carry, and sagas that are not there", async () => {
  const { app } = shop();
  await app.send(Order({ item: "lamp" }, { id: "s" }));
  await assert.rejects(app.sagas.signal("s", ""), TypeError);
  await assert.rejects(app.sagas.signal("s", "$turn_back"), TypeError);
  await assert.rejects(app.sagas.signal("s", "other", () => {}), TypeError);
  await assert.rejects(app.sagas.signal("s", "other", 1n), TypeError);
  await assert.rejects(app.sagas.signal("none", "paid"), { code: "saga_not_found" });
});

Deno.test("the context gets what the schema makes of a signal", async () => {
  const { options } = workshop();
  const Coerced = saga("coerced", { version: 1, context: type<object>() })
    .waitFor("paid", { data: z.object({ euros: z.string().transform(Number) }) });
  const app = bootstrap(handlers().saga(Coerced), options);
  await app.send(Coerced({}, { id: "s" }));
  await app.sagas.signal("s", "paid", { euros: "5", extra: true });
  assert.deepEqual((await app.sagas.recover("s")).context, { euros: 5 });
});

Deno.test("a signal that does not fit, of an application that does not know the saga, is written down and thrown away", async () => {
  const { options } = workshop();
  const Checked = saga("checked", { version: 1, context: type<object>() })
    .waitFor("paid", { data: z.object({ euros: z.number() }), timeoutMs: 1_000 });
  const app = bootstrap(handlers().saga(Checked), options);
  const stranger = bootstrap(handlers().saga(Order), options);
  await app.send(Checked({}, { id: "s" }));
  await stranger.sagas.signal("s", "paid", { euros: "5" });
  assert.equal((await app.sagas.recover("s")).status, "waiting");
  assert.ok((await logOf(app, "s")).includes("act paid retrying"));
  assert.equal((await app.sagas.history("s"))?.signals, 0);
  await stranger.sagas.signal("s", "paid", { euros: 5 });
  assert.equal((await app.sagas.recover("s")).status, "completed");
});

Deno.test("a wait whose time has passed turns its saga back", async () => {
  const { options, clock } = workshop();
  const undone: string[] = [];
  const Timed = saga("timed", { version: 1, context: type<object>() })
    .step("first", { act: () => {}, compensate: () => void undone.push("first") })
    .waitFor("paid", { timeoutMs: 60_000 });
  const app = bootstrap(handlers().saga(Timed), options);
  const recovery = sagaRecovery(app);
  await app.send(Timed({}, { id: "s" }));
  await clock.advance(59_999);
  assert.equal((await recovery.tick({ budgetMs: 0 })).claimed, 0);
  await clock.advance(1);
  assert.equal((await recovery.tick({ budgetMs: 0 })).compensated, 1);
  assert.deepEqual(undone, ["first"]);
  const outcome = await app.sagas.get("s");
  assert.equal(outcome?.error, 'Step "paid": No signal "paid" has come in 60000 ms');
});

Deno.test("signals for others do not give a wait more time", async () => {
  const { options, clock } = workshop();
  const Timed = saga("timed", { version: 1, context: type<object>() })
    .waitFor("paid", { timeoutMs: 60_000 });
  const app = bootstrap(handlers().saga(Timed), options);
  const recovery = sagaRecovery(app);
  await app.send(Timed({}, { id: "s" }));
  for (let n = 0; n < 3; n++) {
    await clock.advance(15_000);
    await app.sagas.signal("s", "other");
    assert.equal((await recovery.tick({ budgetMs: 0 })).waiting, 1);
  }
  assert.equal((await app.sagas.history("s"))?.resumeInMs, 15_000);
  await clock.advance(15_000);
  assert.equal((await recovery.tick({ budgetMs: 0 })).compensated, 1);
});

Deno.test("a process that dies as it looks at the time of a wait does not give it more", async () => {
  const { options, clock, storage } = workshop();
  const Timed = saga("timed", { version: 1, context: type<object>() })
    .waitFor("paid", { timeoutMs: 60_000 });
  const app = bootstrap(handlers().saga(Timed), options);
  await app.send(Timed({}, { id: "s" }));
  await clock.advance(50_000);
  const lease = { owner: "dying", leaseMs: 1_000 };
  const claimed = await storage.sagas.claim("s", lease);
  await storage.sagas.checkpoint("s", claimed?.record.revision ?? 0, {
    entries: [{ number: 2, action: "act", step: "paid", status: "postponed", attempt: 1 }],
    leaseMs: 1_000,
  });
  await clock.advance(1_000);
  assert.equal((await app.sagas.recover("s")).status, "waiting");
  assert.equal((await app.sagas.history("s"))?.resumeInMs, 9_000);
});

Deno.test("a signal that is stored as the saga begins to wait is not overlooked", async () => {
  const { options, storage } = workshop();
  const Waiting = saga("waiting", { version: 1, context: type<object>() }).waitFor("paid");
  const sagas = storeWith(storage.sagas, {
    async checkpoint(id, revision, change) {
      // Just before it is written that the saga waits.
      if (change.status === "waiting") {
        await storage.sagas.signal(id, { id: "x", name: "paid", data: undefined });
      }
      return await storage.sagas.checkpoint(id, revision, change);
    },
  });
  const app = bootstrap(handlers().saga(Waiting), {
    ...options,
    storage: { outbox: storage.outbox, sagas },
  });
  assert.equal((await app.send(Waiting({}))).status, "completed");
});

Deno.test("that somebody asks a saga to turn back is not overlooked as it begins to wait", async () => {
  for (const moment of ["signals", "checkpoint"] as const) {
    const { options, storage } = workshop();
    const undone: string[] = [];
    const Waiting = saga("waiting", { version: 1, context: type<object>() })
      .step("first", { act: () => {}, compensate: () => void undone.push("first") })
      .waitFor("paid");
    let isAsked = false;
    const sagas = new Proxy(storage.sagas, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          const { status } = Object(args[2]);
          if (name === moment && !isAsked && (name === "signals" || status === "waiting")) {
            isAsked = true;
            await other.sagas.compensate("s", { reason: "Changed my mind" });
          }
          return await value.apply(target, args);
        };
      },
    });
    const registry = handlers().saga(Waiting);
    const other = bootstrap(registry, options);
    const app = bootstrap(registry, { ...options, storage: { outbox: storage.outbox, sagas } });
    await assert.rejects(app.send(Waiting({}, { id: "s" })), (error: SagaFailedError) => {
      assert.equal(error.outcome.status, "compensated");
      assert.equal(error.outcome.error, "Changed my mind");
      return true;
    });
    assert.deepEqual(undone, ["first"]);
  }
});

Deno.test("a wait that was signalled is skipped when its saga turns back later", async () => {
  const { options } = workshop();
  const undone: string[] = [];
  const Late = saga("late", { version: 1, context: type<object>() })
    .step("first", { act: () => {}, compensate: () => void undone.push("first") })
    .waitFor("paid")
    .step("last", fail(new Error("No")));
  const app = bootstrap(handlers().saga(Late), options);
  await app.send(Late({}, { id: "s" }));
  await app.sagas.signal("s", "paid");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(undone, ["first"]);
});

Deno.test("a signal brings nothing into the context when it is no object", async () => {
  const { options, clock } = workshop();
  const Bare = saga("bare", { version: 1, context: type<{ n: number }>() }).waitFor("paid");
  const app = bootstrap(handlers().saga(Bare), options);
  for (const [n, data] of [undefined, null, "text", [1], 5].entries()) {
    await app.send(Bare({ n }, { id: `s${n}` }));
    await app.sagas.signal(`s${n}`, "paid", data);
    assert.deepEqual((await inTime(clock, app.sagas.recover(`s${n}`))).context, { n });
  }
});

/** The storage of a shop in which a signal comes just when its saga has begun to wait. */
function lateSignal(
  { storage }: Pick<ReturnType<typeof shop>, "storage">,
  beforeClaim: () => Promise<unknown> = () => Promise.resolve(),
) {
  const sagas = storeWith(storage.sagas, {
    async checkpoint(id, revision, change) {
      const hold = await storage.sagas.checkpoint(id, revision, change);
      if (change.status === "waiting") {
        await storage.sagas.signal(id, { id: "late", name: "paid", data: `{"euros":5}` });
      }
      return hold;
    },
    async claim(id, lease) {
      await beforeClaim();
      return await storage.sagas.claim(id, lease);
    },
  });
  return { outbox: storage.outbox, sagas };
}

Deno.test("a signal that comes as its saga begins to wait is taken in at once, and uses up no attempts", async () => {
  const made = shop();
  const app = bootstrap(handlers().saga(Order), { ...made.options, storage: lateSignal(made) });
  const outcome = await app.send(Order({ item: "lamp" }, { id: "s" }));
  assert.equal(outcome.status, "completed");
  assert.equal((await made.storage.sagas.load("s"))?.record.attempts, 0);
});

Deno.test("a saga that somebody has turned back as it began to wait is gone on with as it is then", async () => {
  const made = shop();
  let turnBack = () => made.app.sagas.compensate("s");
  const storage = lateSignal(made, async () => {
    await turnBack();
    turnBack = () => Promise.resolve();
  });
  const app = bootstrap(handlers().saga(Order), { ...made.options, storage });
  await assert.rejects(inTime(made.clock, app.send(Order({ item: "lamp" }, { id: "s" }))), {
    code: "saga_failed",
  });
  assert.ok(made.clock.now() < 1_010_000, "Nobody has waited for the lease of who has left it");
  assert.deepEqual(undone, ["reserve"]);
  const { log, record } = await made.storage.sagas.load("s") ?? assert.fail();
  assert.equal(record.status, "compensated");
  assert.deepEqual(log.map(({ number }) => number), log.map((_, n) => n + 1));
  assert.ok(!log.some(({ step }) => step === "ship"));
});
