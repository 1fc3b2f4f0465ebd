import { bootstrap, handlers } from "@sluice/cqrs";
import { transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Joined, joined } from "./support.ts";

/** Handlers that note in which transaction they run. */
function batched(storage: ReturnType<typeof memoryStorage>, fails: (id: string) => boolean) {
  const runs: string[] = [];
  const transactions: unknown[] = [];
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, ({ id }, { tx }) => {
      if (!transactions.includes(tx)) transactions.push(tx);
      runs.push(`${id} in ${transactions.indexOf(tx)}`);
      tx.client.set(id, true);
      if (fails(id)) throw new RangeError(`No ${id}`);
    }),
  );
  return { app, runs };
}

const messages = (...ids: string[]) => Promise.all(ids.map((id) => joined(id)));

Deno.test("GroupHandling handles up to batchSize messages of a partition in one transaction", async () => {
  const storage = memoryStorage();
  const { app, runs } = batched(storage, () => false);
  const { source, drain } = bench({ app, storage, batchSize: 2 });
  source.deliver(await messages("a", "b", "c"));
  source.deliver(await messages("d"), { partition: "1" });
  assert.equal(await drain(), "4 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.deepEqual(runs.map((run) => run.split(" ")[0]).sort(), ["a", "b", "c", "d"]);
  const of = (id: string) => runs.find((run) => run.startsWith(id))?.slice(1);
  assert.equal(of("a"), of("b"));
  assert.equal(new Set([of("a"), of("c"), of("d")]).size, 3);
});

Deno.test("GroupHandling handles the messages of a batch one by one when one of them fails", async () => {
  const storage = memoryStorage();
  const { app, runs } = batched(storage, (id) => id === "bad");
  const { source, drain, log } = bench({
    app,
    storage,
    batchSize: 10,
    retry: { maxAttempts: 2, backoff: () => 5 },
  });
  source.deliver(await messages("a", "bad", "c"));
  assert.equal(await drain(), "2 handled, 0 duplicates, 0 unhandled, 1 failed, 1 dead");
  assert.deepEqual(runs, [
    "a in 0",
    "bad in 0",
    "a in 1",
    "bad in 2",
    "bad in 3",
    "c in 4",
  ]);
  assert.deepEqual(log, [
    "batch of 3 failed",
    "a handled at 1",
    "bad failed at 1, again in 5",
    "bad dead at 2",
    "c handled at 1",
  ]);
  assert.deepEqual(source.acked, ["a", "bad", "c"]);
  assert.equal(await storage.transaction((tx) => tx.client.get("bad")), undefined);
});

Deno.test("GroupHandling handles a message once that a batch has twice", async () => {
  const storage = memoryStorage();
  const { app, runs } = batched(storage, () => false);
  const { source, drain, log } = bench({ app, storage, batchSize: 10 });
  source.deliver(await messages("a", "a", "b"));
  assert.equal(await drain(), "2 handled, 1 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.deepEqual(runs, ["a in 0", "b in 0"]);
  assert.deepEqual(log, ["a handled at 1", "a duplicate", "b handled at 1"]);
  assert.deepEqual(source.acked, ["a", "a", "b"]);
});

Deno.test("GroupHandling leaves out of a batch what cannot be read", async () => {
  const storage = memoryStorage();
  const { app, runs } = batched(storage, () => false);
  const { source, drain } = bench({ app, storage, batchSize: 10 });
  const [a, b, c] = await messages("a", "b", "c");
  assert(a && b && c);
  source.deliver([a, { ...b, body: new Uint8Array([0xff]) }, c]);
  assert.equal(await drain(), "2 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  assert.deepEqual(runs, ["a in 0", "c in 0"]);
});
