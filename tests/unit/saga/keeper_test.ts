import assert from "node:assert/strict";
import { storeWith } from "./faulty_store.ts";
import { inTime, trio } from "./support.ts";

Deno.test("a saga stays with its application during a step that takes minutes", async () => {
  const goOn = Promise.withResolvers<void>();
  const { app, open, definition, lines, clock } = trio({ "act b": () => goOn.promise });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await clock.advance(600_000);
  await assert.rejects(open().sagas.recover("s"), { code: "saga_busy", sagaId: "s" });
  goOn.resolve();
  assert.equal((await sent).status, "completed");
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a saga stays with its application while it waits for its next attempt, and while its reader thinks", async () => {
  const { app, open, definition, clock } = trio();
  const stream = app.stream(definition({ n: 1 }, { id: "s" }))[Symbol.asyncIterator]();
  await stream.next();
  await clock.advance(600_000);
  await assert.rejects(open().sagas.recover("s"), { code: "saga_busy" });
  await stream.return?.();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a saga stays with its application as long as its leaseMs says, and no longer", async () => {
  const { open, definition, clock, storage } = trio();
  const app = open({ sagas: { leaseMs: 600 } });
  const stream = app.stream(definition({ n: 1 }, { id: "s" }))[Symbol.asyncIterator]();
  await stream.next();
  for (let n = 0; n < 30; n++) {
    await clock.advance(100);
    const left = (await storage.sagas.load("s"))?.record.leaseLeftMs ?? 0;
    assert.ok(left >= 200 && left <= 600, String(left));
  }
  await stream.return?.();
});

Deno.test("who has lost a saga is told by the signal of the step, writes nothing, and gets the outcome of the others", async () => {
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  let isFirst = true;
  const { app, open, definition, lines, clock, storage, events } = trio({
    "act b": async ({ signal }) => {
      if (!isFirst) return;
      isFirst = false;
      signals.push(signal);
      begun.resolve();
      await goOn.promise;
    },
  });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await begun.promise;
  // Somebody takes it, as if this process had been frozen for longer than its lease.
  const found = await storage.sagas.load("s");
  await storage.sagas.checkpoint("s", found?.record.revision ?? 0, { leaseMs: 0 });
  assert.equal((await open().sagas.recover("s")).status, "completed");
  const before = await storage.sagas.load("s");
  await clock.advance(20_000);
  assert.equal(signals[0]?.aborted, true);
  goOn.resolve();
  const outcome = await inTime(clock, sent);
  assert.equal(outcome.status, "completed");
  assert.deepEqual((await storage.sagas.load("s"))?.log, before?.log);
  assert.deepEqual(lines, ["act a", "act b", "act b", "act c"]);
  assert.equal(events.filter(({ type }) => type === "saga_ended").length, 1);
});

Deno.test("a reader whose application has lost the saga misses no item and gets none twice", async () => {
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  let isFirst = true;
  const { app, open, definition, clock, storage } = trio({
    "act b": async () => {
      if (!isFirst) return;
      isFirst = false;
      begun.resolve();
      await goOn.promise;
    },
  });
  const items: [number, string][] = [];
  const reading = (async () => {
    for await (const { number, name } of app.stream(definition({ n: 1 }, { id: "s" }))) {
      items.push([number, name]);
    }
  })();
  await begun.promise;
  const found = await storage.sagas.load("s");
  await storage.sagas.checkpoint("s", found?.record.revision ?? 0, { leaseMs: 0 });
  await open().sagas.recover("s");
  goOn.resolve(); // before any heartbeat: the checkpoint finds out
  await inTime(clock, reading);
  assert.deepEqual(items, [[2, "a"], [4, "b"], [6, "c"]]);
});

Deno.test("a heartbeat that fails is told to the observer and tried again", async () => {
  const goOn = Promise.withResolvers<void>();
  const { open, definition, clock, storage, events } = trio({ "act b": () => goOn.promise });
  let failures = 1;
  const sagas = storeWith(storage.sagas, {
    async keep(holds, leaseMs) {
      if (failures-- > 0) throw new Error("Away");
      return await storage.sagas.keep(holds, leaseMs);
    },
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await clock.advance(100_000);
  assert.deepEqual(
    events.flatMap((event) => event.type === "saga_left" ? [String(event.error)] : []),
    [
      "Error: Away",
    ],
  );
  await assert.rejects(open().sagas.recover("s"), { code: "saga_busy" });
  goOn.resolve();
  await sent;
});

Deno.test("a heartbeat that a checkpoint overtakes does not give the saga up", async () => {
  const goOn = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const last = Promise.withResolvers<void>();
  const { open, definition, clock, storage, lines, events } = trio({
    "act b": () => goOn.promise,
    "act c": () => last.promise,
  });
  const sagas = storeWith(storage.sagas, {
    async keep(holds, leaseMs) {
      goOn.resolve(); // the step ends, and its checkpoint is written, before the heartbeat is
      await asked.promise;
      return await storage.sagas.keep(holds, leaseMs);
    },
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await clock.advance(20_000);
  asked.resolve();
  await clock.advance(0);
  last.resolve();
  assert.equal((await sent).status, "completed");
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
  assert.equal(events.filter(({ type }) => type === "saga_ended").length, 1);
});
