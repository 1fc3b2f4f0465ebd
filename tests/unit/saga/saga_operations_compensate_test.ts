import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError } from "../../../src/saga/mod.ts";
import { storeWith } from "./faulty_store.ts";
import { fail, inTime, logOf, trio, workshop } from "./support.ts";

Deno.test("compensate() has a saga turn back that nobody has, and is recorded", async () => {
  const { app, definition, lines } = trio();
  for await (const { name } of app.stream(definition({ n: 1 }, { id: "s" }))) {
    if (name === "b") break;
  }
  await app.sagas.compensate("s", { reason: "Cancelled" });
  const outcome = await app.sagas.get("s");
  assert.equal(outcome?.status, "compensating");
  assert.equal(outcome?.error, "Cancelled");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(lines, ["act a", "act b", "undo b", "undo a"]);
  assert.ok((await logOf(app, "s")).includes("turn_back completed"));
});

Deno.test("compensate() of a saga whose process has died undoes the step of which nobody knows too", async () => {
  const { app, definition, lines, storage } = trio();
  for await (const _item of app.stream(definition({ n: 1 }, { id: "s" }))) break;
  const claimed = await storage.sagas.claim("s", { owner: "dead", leaseMs: 1_000 });
  const number = (claimed?.log.length ?? 0) + 1;
  await storage.sagas.checkpoint("s", claimed?.record.revision ?? 0, {
    entries: [{ number, action: "act", step: "b", status: "started", attempt: 1 }],
    leaseMs: 0,
  });
  await app.sagas.compensate("s");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(lines, ["act a", "undo b", "undo a"]);
});

Deno.test("compensate() of a saga in the same application turns it back after the step at hand", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { app, definition, lines } = trio({
    "act b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  await app.sagas.compensate("s", { reason: "Cancelled" });
  goOn.resolve();
  await assert.rejects(sent, (error: SagaFailedError) => {
    assert.equal(error.outcome.status, "compensated");
    assert.equal(error.outcome.error, "Cancelled");
    return true;
  });
  // c was said to be begun, and that was taken back: it is not undone.
  assert.deepEqual(lines, ["act a", "act b", "undo b", "undo a"]);
  assert.equal((await app.sagas.history("s"))?.signals, 0);
});

Deno.test("compensate() of a saga in the same application ends its wait for the next attempt", async () => {
  const { options, clock } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: fail(new Error("No")),
    retry: { backoff: () => 3_600_000 },
  });
  const app = bootstrap(handlers().saga(Order), options);
  const sent = app.send(Order({}, { id: "s" }));
  await clock.timersPending(2);
  const startedMs = clock.now();
  await app.sagas.compensate("s");
  await assert.rejects(sent, SagaFailedError);
  assert.equal(clock.now(), startedMs);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("compensate() of a saga in another application turns it back by its heartbeat, also while it waits", async () => {
  const { options, clock } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: fail(new Error("No")),
    retry: { backoff: () => 3_600_000 },
  });
  const app = bootstrap(handlers().saga(Order), options);
  const other = bootstrap(handlers().saga(Order), options);
  const sent = app.send(Order({}, { id: "s" }));
  await clock.timersPending(2);
  const startedMs = clock.now();
  await other.sagas.compensate("s");
  await assert.rejects(inTime(clock, sent, 500), SagaFailedError);
  assert.ok(clock.now() - startedMs <= 20_500, String(clock.now() - startedMs));
});

Deno.test("compensate() of a saga in another application turns it back after the step at hand", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { app, open, definition, lines } = trio({
    "act b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  await open().sagas.compensate("s");
  goOn.resolve();
  await assert.rejects(sent, SagaFailedError);
  assert.deepEqual(lines, ["act a", "act b", "undo b", "undo a"]);
});

Deno.test("compensate() that comes as a saga is left to wait has it turn back at once", async () => {
  const { options, clock, storage } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: fail(new Error("No")),
    retry: { backoff: () => 3_600_000 },
  });
  const app = bootstrap(handlers().saga(Order), options);
  const leaving = new AbortController();
  const sent = app.send(Order({}, { id: "s" }), { signal: leaving.signal });
  await clock.timersPending(2);
  const sagas = storeWith(storage.sagas, {
    async signal(id, signal) {
      leaving.abort(new Error("Enough"));
      await sent.catch(() => {});
      await clock.advance(0);
      return await storage.sagas.signal(id, signal);
    },
  });
  const other = bootstrap(handlers().saga(Order), {
    ...options,
    storage: { outbox: storage.outbox, sagas },
  });
  await other.sagas.compensate("s");
  assert.equal((await other.sagas.get("s"))?.status, "compensated");
});

Deno.test("compensate() of a saga that waits for a signal turns it back", async () => {
  const { options } = workshop();
  const undone: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", { act: () => {}, compensate: () => void undone.push("a") })
    .waitFor("paid");
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}, { id: "s" }));
  await app.sagas.compensate("s");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(undone, ["a"]);
});

Deno.test("compensate() of a saga that has failed tries again to undo all that could not be undone", async () => {
  let isGood = false;
  const stubborn = () => {
    if (!isGood) throw new Error("Not undone");
  };
  const { app, definition, lines, clock } = trio({
    "act c": fail(new Error("No")),
    "undo a": stubborn,
    "undo b": stubborn,
  });
  await inTime(clock, app.send(definition({ n: 1 }, { id: "s" })).catch(() => {}));
  lines.length = 0;
  isGood = true;
  await app.sagas.compensate("s");
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(lines, ["undo b", "undo a"]);
});

Deno.test("compensate() is refused for a saga that is completed or compensated", async () => {
  const { app, definition } = trio({
    "act b": ({ sagaId }) => {
      if (sagaId === "t") throw new Error("No");
    },
  });
  await app.send(definition({ n: 1 }, { id: "s" }));
  await app.send(definition({ n: 1 }, { id: "t" })).catch(() => {});
  await assert.rejects(app.sagas.compensate("s"), /as it is completed/);
  await assert.rejects(app.sagas.compensate("t"), /as it is compensated/);
});

Deno.test("compensate() of a saga that has turned back already changes nothing but its attempts", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { app, definition, lines } = trio({
    "act b": fail(new Error("No")),
    "undo a": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  await app.sagas.compensate("s");
  goOn.resolve();
  await assert.rejects(sent, (error: SagaFailedError) => {
    assert.equal(error.outcome.error, 'Step "b": Error: No');
    return true;
  });
  assert.deepEqual(lines, ["act a", "act b", "undo a"]);
});
