import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, type BootstrapOptions, handlers } from "../../../mod.ts";
import { saga, sagaRecovery } from "../../../src/saga/mod.ts";
import { memoryStorage } from "../../../src/storage/memory/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";

/** An application with a saga that waits for a signal between two steps. */
function openApp(storage = memoryStorage(), options: Pick<BootstrapOptions, "clock"> = {}) {
  const Approval = saga("approval", { version: 1, context: z.object({ item: z.string() }) })
    .step("ask", () => ({ isAsked: true }))
    .waitFor("answer", { data: z.object({ isFine: z.boolean() }) })
    .step("act", ({ isFine }) => {
      if (!isFine) throw new Error("It is not fine");
    });
  const app = bootstrap(handlers().saga(Approval), { storage, sagas: { pollMs: 1 }, ...options });
  return {
    app,
    Approval,
    storage,
    recover: () => sagaRecovery(app).tick({ budgetMs: 10_000 }),
    /** Starts one, and resolves when it waits. */
    async start(id: string): Promise<void> {
      const { settled } = await app.sagas.start(Approval({ item: "lamp" }, { id }));
      await settled;
    },
  };
}

Deno.test("follow() ends where a saga waits for a signal", async () => {
  const { app, Approval, start } = openApp();
  await start("a1");
  const items = await Array.fromAsync(app.sagas.follow(Approval, "a1"));
  assert.deepEqual(items.map(({ status }) => status), ["completed", "waiting"]);
});

Deno.test("follow() goes on after a signal where it is to follow until the end", async () => {
  const { app, Approval, start, recover } = openApp();
  await start("a1");
  const following = app.sagas.follow(Approval, "a1", { after: 2, untilEnd: true });
  assert.equal((await following.next()).value?.status, "waiting");
  const next = following.next();
  await app.sagas.signal("a1", "answer", { isFine: true });
  await recover();
  const rest = [(await next).value, ...await Array.fromAsync(following)];
  assert.deepEqual(rest.map((item) => `${item?.name} ${item?.status}`), [
    "answer completed",
    "act completed",
  ]);
});

Deno.test("follow() throws at the end of a saga that has failed after it has waited", async () => {
  const { app, Approval, start, recover } = openApp();
  await start("a1");
  const following = Array.fromAsync(app.sagas.follow(Approval, "a1", { untilEnd: true }));
  await app.sagas.signal("a1", "answer", { isFine: false });
  await recover();
  await assert.rejects(following, { code: "saga_failed" });
});

Deno.test("follow() ends at a signal that aborts while a saga waits, though it is to follow until the end", async () => {
  const { app, Approval, start } = openApp();
  await start("a1");
  const leaving = new AbortController();
  const options = { after: 3, untilEnd: true, signal: leaving.signal };
  const next = app.sagas.follow(Approval, "a1", options).next();
  const reason = new Error("The reader has left");
  leaving.abort(reason);
  await assert.rejects(next, reason);
});

Deno.test("follow() ends where a saga that waits is parked, though it is to follow until the end", async () => {
  const { app, Approval, start, storage } = openApp();
  await start("a1");
  const following = Array.fromAsync(app.sagas.follow(Approval, "a1", { untilEnd: true }));
  const claimed = await storage.sagas.claim("a1", { owner: "somebody", leaseMs: 1_000 });
  const change = { parkedReason: "Somebody has to look", leaseMs: 0 };
  await storage.sagas.checkpoint("a1", claimed?.record.revision ?? 0, change);
  await assert.rejects(following, { code: "saga_failed" });
});

Deno.test("follow() looks ten times as rarely at a saga of another process that waits", async () => {
  const clock = new ManualClock();
  const other = openApp();
  const { app, Approval } = openApp(other.storage, { clock });
  await other.start("a1");
  let isThere = false;
  const following = app.sagas.follow(Approval, "a1", { after: 3, untilEnd: true });
  const next = following.next().finally(() => isThere = true);
  await clock.timersPending();
  await other.app.sagas.signal("a1", "answer", { isFine: true });
  await other.recover();
  await clock.advance(9);
  assert.equal(isThere, false);
  await clock.advance(1);
  assert.equal((await next).value?.status, "completed");
  await following.return(undefined);
});

Deno.test("follow() and start() know a saga by its name as well as by its id", async () => {
  const Other = saga("other", { version: 1, context: z.object({}) }).step("act", () => {});
  const { Approval, storage, start } = openApp();
  await start("a1");
  const app = bootstrap(handlers().saga(Approval).saga(Other), { storage });
  await assert.rejects(Array.fromAsync(app.sagas.follow(Other, "a1")), { code: "saga_not_found" });
  await assert.rejects(app.sagas.start(Other({}, { id: "a1" })), { code: "saga_id" });
  const { isNew } = await app.sagas.start(Approval({ item: "lamp" }, { id: "a1" }));
  assert.equal(isNew, false);
});
