import assert from "node:assert/strict";
import { concurrencyLimit } from "../../../src/resilience/mod.ts";
import { MemoryDatabase } from "../../../src/storage/memory/memory_database.ts";
import { MemoryStorage } from "../../../src/storage/memory/memory_storage.ts";
import type { MemoryTransaction } from "../../../src/storage/memory/mod.ts";
import type { Storage } from "../../../src/storage/mod.ts";
import { inboxCases } from "../../../src/testing/inbox_cases.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { outboxCases } from "../../../src/testing/outbox_cases.ts";
import { storageCases } from "../../../src/testing/storage_cases.ts";
import type { StorageHarness } from "../../../src/testing/storage_harness.ts";

const cases = [...storageCases, ...outboxCases, ...inboxCases];

Deno.test("outboxCases and storageCases have names of their own, and need nothing but concurrency", () => {
  const names = cases.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const needs = new Set(cases.map(({ needs }) => needs));
  assert.deepEqual([...needs].sort(), ["concurrency", undefined]);
});

for (const { name, needs, run } of cases) {
  if (needs === "concurrency") continue;
  Deno.test(`outboxCases do with one connection, one call after the other: ${name}`, async () => {
    await run(serialHarness());
  });
}

/** A database with one connection, on which each call waits for those before it, as PGlite is. */
function serialHarness(): StorageHarness<MemoryTransaction> {
  const clock = new ManualClock(1_800_000_000_000);
  const database = new MemoryDatabase(clock);
  const turns = concurrencyLimit(1);
  const inTurn = <T extends object>(target: T, except: readonly string[] = []): T =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        const call = (...args: unknown[]) => value.apply(target, args);
        return except.includes(String(name))
          ? call
          : (...args: unknown[]) => turns.run(async () => await call(...args));
      },
    });
  const serial = (storage: MemoryStorage): Storage<MemoryTransaction> => {
    const { outbox, inbox, replay } = storage;
    const serialOutbox = inTurn({
      deadLetters: inTurn(outbox.deadLetters),
      append: outbox.append.bind(outbox),
      store: outbox.store.bind(outbox),
      wake: outbox.wake.bind(outbox),
      subscribe: outbox.subscribe.bind(outbox),
      open: (options: Parameters<typeof outbox.open>[0]) => inTurn(outbox.open(options)),
      statistics: outbox.statistics.bind(outbox),
      purge: outbox.purge.bind(outbox),
    }, ["append", "open"]); // what is appended goes through the transaction, which has the turn
    const serialInbox = inTurn({
      deadLetters: inTurn({
        list: inbox.deadLetters.list.bind(inbox.deadLetters),
        discard: inbox.deadLetters.discard.bind(inbox.deadLetters),
        take: inbox.deadLetters.take.bind(inbox.deadLetters),
      }, ["take"]),
      begin: inbox.begin.bind(inbox),
      beginAgain: inbox.beginAgain.bind(inbox),
      release: inbox.release.bind(inbox),
      record: inbox.record.bind(inbox),
      bury: inbox.bury.bind(inbox),
      claim: inbox.claim.bind(inbox),
      complete: inbox.complete.bind(inbox),
      abandon: inbox.abandon.bind(inbox),
      purge: inbox.purge.bind(inbox),
      statistics: inbox.statistics.bind(inbox),
    }, ["record", "bury", "complete"]);
    return {
      outbox: serialOutbox,
      inbox: serialInbox,
      sagas: storage.sagas,
      replay,
      transaction: (run) => turns.run(() => storage.transaction(run)),
      migrate: () => turns.run(() => storage.migrate()),
      [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
    };
  };
  const storage = serial(new MemoryStorage(database));
  return {
    storage,
    isConcurrent: false,
    open: (options) => serial(new MemoryStorage(database, options)),
    advance: (durationMs) => clock.advance(durationMs),
    put: (tx, name, value) => Promise.resolve(tx.client.set(name, value)),
    get: (name) => storage.transaction((tx) => tx.client.get(name) as string | undefined),
    async [Symbol.asyncDispose]() {},
  };
}
