import assert from "node:assert/strict";
import type { SagaStore } from "../../../src/storage/mod.ts";
import { storeWith } from "./faulty_store.ts";
import { fail, inTime, trio } from "./support.ts";

/** A storage that does as a test says with the second checkpoint of a saga, and as it should afterwards. */
function once(
  store: SagaStore,
  second: (...args: Parameters<SagaStore["checkpoint"]>) => ReturnType<SagaStore["checkpoint"]>,
): SagaStore {
  let calls = 0;
  return storeWith(store, {
    checkpoint: (...args) => ++calls === 2 ? second(...args) : store.checkpoint(...args),
  });
}

Deno.test("a checkpoint whose answer is lost is found, and not written twice", async () => {
  const { open, definition, storage, clock, lines } = trio();
  const sagas = once(storage.sagas, async (...args) => {
    await storage.sagas.checkpoint(...args);
    throw new Error("No answer");
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  await inTime(clock, app.send(definition({ n: 1 }, { id: "s" })));
  const log = (await app.sagas.history("s"))?.log;
  assert.deepEqual(log?.map(({ number }) => number), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
});

Deno.test("a checkpoint whose answer is lost is not taken for written when somebody else has claimed the saga", async () => {
  const { open, definition, storage, clock, lines } = trio();
  const sagas = once(storage.sagas, async (id, revision) => {
    // It froze, its lease ended, and somebody claimed the saga.
    await storage.sagas.checkpoint(id, revision, { leaseMs: 0 });
    await storage.sagas.claim(id, { owner: "other", leaseMs: 60_000 });
    throw new Error("No answer");
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  const sent = app.send(definition({ n: 1 }, { id: "s" }));
  await clock.advance(10_000);
  assert.deepEqual(lines, ["act a", "act b"]);
  await inTime(clock, sent, 1_000); // goes on when the other's lease has ended
  assert.deepEqual(lines, ["act a", "act b", "act b", "act c"]);
});

Deno.test("a checkpoint without entries is not confused with the claim of somebody else", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { open, definition, storage, clock, lines } = trio({
    "act c": fail(new Error("No")),
    "undo b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const sagas = storeWith(storage.sagas, {
    async checkpoint(id, revision, change) {
      if (change.consumed === undefined || change.entries?.length !== 0) {
        return await storage.sagas.checkpoint(id, revision, change);
      }
      // The process is frozen for longer than its lease, and somebody claims the saga.
      await clock.advance(31_000);
      assert.ok(await storage.sagas.claim(id, { owner: "other", leaseMs: 60_000 }));
      throw new Error("No answer");
    },
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  const sent = app.send(definition({ n: 1 }, { id: "s" })).catch(() => {});
  await begun.promise;
  await app.sagas.compensate("s"); // it has turned back already: this is only thrown away
  goOn.resolve();
  await clock.advance(60_000);
  assert.deepEqual(lines, ["act a", "act b", "act c", "undo b"]);
  const found = await storage.sagas.load("s");
  assert.equal(found?.record.owner, "other");
  await app[Symbol.asyncDispose]();
  await sent;
});

Deno.test("an error of misuse is an answer once it has come three times, and at once when it is the library's own", async () => {
  const { open, definition, storage, clock } = trio();
  let calls = 0;
  let hasTurnedBack = false;
  const sagas = storeWith(storage.sagas, {
    checkpoint(id, revision, change) {
      hasTurnedBack ||= change.status === "compensating";
      if (hasTurnedBack) return storage.sagas.checkpoint(id, revision, change);
      calls++;
      return Promise.reject(new TypeError("Cannot store it"));
    },
  });
  const app = open({ storage: { outbox: storage.outbox, sagas } });
  await assert.rejects(inTime(clock, app.send(definition({ n: 1 }, { id: "s" }))), {
    code: "saga_failed",
  });
  assert.equal(calls, 3);
  // The step has acted, and what it has done could not be stored.
  assert.equal((await app.sagas.get("s"))?.steps[0]?.status, "compensated");
});
