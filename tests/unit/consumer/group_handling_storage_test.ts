import { bootstrap, handlers } from "@sluice/cqrs";
import { transactional } from "@sluice/cqrs/outbox";
import { ConcurrencyError, memoryStorage } from "@sluice/cqrs/storage";
import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { bench, failingStorage, Joined, joined } from "./support.ts";

Deno.test("GroupHandling waits for a storage that does not answer, and holds it against no message", async () => {
  const clock = new ManualClock();
  const { storage, faults } = failingStorage(clock);
  const seen: string[] = [];
  const app = bootstrap(
    handlers().on(Joined, ({ id }) => {
      seen.push(id);
      if (seen.length > 1) return;
      faults.outage = new Error("Gone"); // the database goes away in the middle of it
      throw new Error("The query failed");
    }),
  );
  const retry = { maxAttempts: 1, backoff: () => 1_000 };
  const { source, consumer, log, told } = bench({ app, clock, storage, retry });
  source.deliver([await joined("u1")]);
  const running = consumer.run();
  await told("storage_failed: The query failed, again in 1000");
  for (let n = 0; n < 20; n++) await clock.advance(1_000);
  assert.deepEqual(seen, ["u1"]);
  assert.equal(log.filter((line) => line.startsWith("storage_failed: Gone")).length > 10, true);
  faults.outage = undefined;
  await clock.advance(1_000);
  await told("u1 handled at 1");
  await running[Symbol.asyncDispose]();
  assert.deepEqual(seen, ["u1", "u1"]);
  assert.deepEqual(source.acked, ["u1"]);
});

Deno.test("GroupHandling waits for a storage that is not there when messages come", async () => {
  const clock = new ManualClock();
  const { storage, faults } = failingStorage(clock);
  faults.outage = new Error("Gone");
  const app = bootstrap(handlers().on(Joined, () => {}));
  const { source, consumer, log, told, known } = bench({ app, clock, storage });
  source.deliver([await joined("u1")]);
  const running = consumer.run();
  await told("storage_failed: Gone, again in 1000");
  await clock.timersPending();
  await clock.advance(1_000);
  await told("storage_failed: Gone, again in 2000");
  faults.outage = undefined;
  await clock.timersPending();
  await clock.advance(2_000);
  await told("u1 handled at 1");
  await running[Symbol.asyncDispose]();
  assert.equal(await known("u1"), "handled");
  assert.equal(log.length, 3);
});

Deno.test("GroupHandling ends while it waits for a storage, also while it gives a message up", async () => {
  const clock = new ManualClock();
  const { storage } = failingStorage(clock);
  const app = bootstrap(handlers().on(Joined, () => {}));
  const { source, consumer, told, known } = bench({ app, clock, storage });
  source.deliver([await joined("bad", { body: new Uint8Array([0xff]) })]);
  const running = consumer.run();
  // The note succeeds, and what gives the message up does not.
  const transaction = storage.transaction;
  storage.transaction = () => Promise.reject(new Error("Gone"));
  await told("storage_failed: Gone, again in 1000");
  await running[Symbol.asyncDispose]();
  storage.transaction = transaction;
  assert.equal(source.acked.length, 0);
  assert.equal(await known("bad"), 0);
});

Deno.test("GroupHandling finds a duplicate when a commit took effect whose answer was lost", async () => {
  const clock = new ManualClock();
  const { storage, faults } = failingStorage(clock);
  let runs = 0;
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, (_data, { tx }) => {
      runs++;
      tx.client.set("members", Number(tx.client.get("members") ?? 0) + 1);
    }),
  );
  const { source, drain, log } = bench({ app, clock, storage, retry: { maxAttempts: 2 } });
  faults.commits.push({ error: new Error("Lost"), isDone: true });
  source.deliver([await joined("u1")]);
  assert.equal(await drain(), "0 handled, 1 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.equal(runs, 1);
  assert.match(log[0] ?? "", /^storage_failed: Lost/);
  assert.equal(await storage.transaction((tx) => tx.client.get("members")), 1);
  assert.deepEqual(source.acked, ["u1"]);
});

Deno.test("GroupHandling tries a commit again that had no effect, and counts no attempt", async () => {
  const clock = new ManualClock();
  const { storage, faults } = failingStorage(clock);
  const app = bootstrap(handlers().on(Joined, () => {}));
  const { source, drain, log } = bench({ app, clock, storage, retry: { maxAttempts: 2 } });
  faults.commits.push({ error: new Error("Lost"), isDone: false });
  source.deliver([await joined("u1")]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.equal(log.at(-1), "u1 handled at 1");
});

Deno.test("GroupHandling gives up a message whose transaction the storage refuses each time", async () => {
  const clock = new ManualClock();
  const { storage, faults } = failingStorage(clock);
  const app = bootstrap(handlers().on(Joined, () => {}));
  const { source, drain } = bench({ app, clock, storage });
  const error = new Error("A deferred constraint is violated");
  for (let n = 0; n < 5; n++) faults.commits.push({ error, isDone: false });
  source.deliver([await joined("u1"), await joined("u2")]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  const [letter] = await storage.inbox.deadLetters.list();
  assert.equal(letter?.error, "Error: A deferred constraint is violated");
  assert.equal(letter?.attempts, 5);
});

Deno.test("GroupHandling tries at once what has conflicted, without a word", async () => {
  const storage = memoryStorage();
  let runs = 0;
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, async (_data, { tx }) => {
      tx.client.set("members", Number(tx.client.get("members") ?? 0) + 1);
      if (++runs > 3) return;
      await storage.transaction(({ client }) => client.set("members", 10 * runs));
    }),
  );
  const { source, drain, log } = bench({ app, storage, retry: { maxAttempts: 1 } });
  source.deliver([await joined("u1")]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.equal(await storage.transaction((tx) => tx.client.get("members")), 31);
  assert.deepEqual(log, ["u1 handled at 1"]);
});

Deno.test("GroupHandling tries a batch again as a batch that has conflicted", async () => {
  const clock = new ManualClock();
  const { storage, faults } = failingStorage(clock);
  const app = bootstrap(handlers().on(Joined, () => {}));
  const { source, drain, log } = bench({ app, clock, storage, batchSize: 10 });
  faults.commits.push({ error: new ConcurrencyError(), isDone: false });
  source.deliver([await joined("u1"), await joined("u2")]);
  assert.equal(await drain(), "2 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.deepEqual(log, ["u1 handled at 1", "u2 handled at 1"]);
});

Deno.test("GroupHandling counts attempts of a handler that conflicts for ever", async () => {
  let runs = 0;
  const app = bootstrap(
    handlers().on(Joined, () => {
      runs++;
      throw new ConcurrencyError();
    }),
  );
  const { source, drain } = bench({ app, retry: { maxAttempts: 2, backoff: () => 5 } });
  source.deliver([await joined("u1")]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 1 failed, 1 dead");
  assert.equal(runs < 50, true);
});
