import { bootstrap, handlers } from "@sluice/cqrs";
import type { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Joined, joined } from "./support.ts";

/** What the storage knows after so many processes have died of a message. */
async function died(storage: ReturnType<typeof memoryStorage>, id: string, times: number) {
  await storage.inbox.begin("billing", [id]);
  for (let n = 1; n < times; n++) await storage.inbox.beginAgain("billing", id);
}

function recording(onRun: (id: string) => void | Promise<void> = () => {}) {
  const runs: string[] = [];
  const app = bootstrap(
    handlers().on(Joined, async ({ id }) => {
      runs.push(id);
      await onRun(id);
    }),
  );
  return { app, runs };
}

Deno.test("PartitionWorker gives up what as many processes as allowed have begun and not ended", async () => {
  const { app, runs } = recording();
  const { source, drain, storage, log, clock } = bench({ app });
  await died(storage, "poison", 3);
  await died(storage, "suspect", 2);
  source.deliver([await joined("poison"), await joined("suspect"), await joined("fresh")]);
  assert.equal(await drain(), "2 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  assert.deepEqual(runs, ["suspect", "fresh"]);
  assert.deepEqual(log, ["poison dead at 3", "suspect handled at 1", "fresh handled at 1"]);
  const [letter] = await storage.inbox.deadLetters.list();
  assert.match(letter?.error ?? "", /it was begun 3 times and never ended/);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("PartitionWorker gives up what has killed processes before it reads it", async () => {
  const { app } = recording();
  const { source, drain, storage } = bench({
    app,
    codec: {
      contentType: "text/plain",
      encode: () => new Uint8Array(),
      decode: () => assert.fail("This would kill the process"),
    },
  });
  await died(storage, "poison", 3);
  source.deliver([await joined("poison")]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  const [letter] = await storage.inbox.deadLetters.list();
  assert.match(letter?.error ?? "", /never ended/);
});

Deno.test("PartitionWorker counts a message while it is handled, and no longer", async () => {
  for (const times of [0, 1, 2]) {
    const seen: unknown[] = [];
    let failures = 2;
    const { app } = recording(async (id) => {
      seen.push(await known(id));
      if (failures-- > 0) throw new RangeError("No");
    });
    const { source, drain, known, storage } = bench({ app });
    if (times > 0) await died(storage, "u1", times);
    source.deliver([await joined("u1")]);
    assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 2 failed, 0 dead");
    assert.deepEqual(seen, [times + 1, times + 1, times + 1]);
    assert.equal(await known("u1"), "handled");
  }
});

Deno.test("PartitionWorker takes back the count of a suspect whose handlers fail, while it waits", async () => {
  const { app } = recording(() => Promise.reject(new RangeError("No")));
  const { source, consumer, known, storage, told, clock } = bench({ app });
  await died(storage, "u1", 2);
  source.deliver([await joined("u1")]);
  const stop = new AbortController();
  const running = consumer.run({ signal: stop.signal });
  await told("u1 failed at 1, again in 1000");
  await clock.timersPending();
  assert.equal(await known("u1"), 2);
  stop.abort();
  await running.done;
  assert.equal(await known("u1"), 2);
});

Deno.test("PartitionWorker counts nothing that a broker delivers for the first time", async () => {
  const seen: unknown[] = [];
  const { app } = recording(async (id) => void seen.push(await known(id)));
  const { source, drain, known } = bench({ app });
  source.deliver([await joined("u1")], { deliveryCount: 1 });
  source.deliver([await joined("u2")], { deliveryCount: 2 });
  await drain();
  assert.deepEqual(seen, [0, 1]);
});

Deno.test("PartitionWorker does not take for a killer what a broker has delivered many times", async () => {
  const { app, runs } = recording();
  const { source, drain } = bench({ app });
  source.deliver([await joined("u1")], { deliveryCount: 50 });
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.deepEqual(runs, ["u1"]);
});

Deno.test("PartitionWorker gives up what has killed processes, where the broker counts deliveries", async () => {
  const { app } = recording();
  const { source, drain, storage } = bench({ app });
  await died(storage, "u1", 3);
  source.deliver([await joined("u1")], { deliveryCount: 5 });
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
});

Deno.test("PartitionWorker lets one message of all partitions at a time have its last chance", async () => {
  let running = 0;
  let most = 0;
  const { app } = recording(async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
  });
  const { source, drain, storage } = bench({ app });
  for (const n of [0, 1, 2, 3]) {
    await died(storage, `u${n}`, 2);
    source.deliver([await joined(`u${n}`)], { partition: String(n) });
  }
  assert.equal(await drain(), "4 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.equal(most, 1);
});

Deno.test("PartitionWorker keeps the order when one of several messages was begun before", async () => {
  const { app, runs } = recording();
  const { source, drain, storage } = bench({ app, batchSize: 10 });
  await died(storage, "u2", 1);
  source.deliver(await Promise.all(["u1", "u2", "u3", "u4"].map((id) => joined(id))));
  await drain();
  assert.deepEqual(runs, ["u1", "u2", "u3", "u4"]);
});

Deno.test("PartitionWorker handles what comes in the very moment in which it has nothing left", async () => {
  const { app, runs } = recording();
  const { source, consumer, told } = bench({ app });
  const ids = Array.from({ length: 200 }, (_, n) => `u${n}`);
  await using running = consumer.run();
  void running;
  for (const [n, id] of ids.entries()) {
    source.deliver([await joined(id)]);
    // After as many turns as take it through all that follows from the message before.
    for (let turn = 0; turn < n % 50; turn++) await Promise.resolve();
  }
  await told("u199 handled at 1");
  assert.deepEqual(runs, ids);
});
