import { bootstrap, handlers } from "@sluice/cqrs";
import { transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Greeted, Joined, joined } from "./support.ts";

async function buried() {
  const storage = memoryStorage();
  const state = { isBroken: true };
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, ({ id }, { tx, emit }) => {
      tx.client.set(id, true);
      emit(Greeted({ id }));
      if (state.isBroken) throw new RangeError(`No ${id}`);
    }),
  );
  const made = bench({ app, storage, retry: { maxAttempts: 1 } });
  made.source.deliver([await joined("u1"), await joined("u2")]);
  await made.drain();
  const letters = async () =>
    (await storage.inbox.deadLetters.list()).map(({ envelope }) => envelope.id);
  assert.deepEqual(await letters(), ["u1", "u2"]);
  return { ...made, storage, state, letters };
}

Deno.test("EventConsumer.redeliver() handles dead letters in transactions that take them out", async () => {
  const { consumer, state, letters, storage } = await buried();
  state.isBroken = false;
  assert.equal(await consumer.redeliver(["u1", "nobody"]), 1);
  assert.deepEqual(await letters(), ["u2"]);
  assert.equal(await storage.transaction(({ client }) => client.get("u1")), true);
  assert.equal((await storage.outbox.statistics()).pending, 1);
  assert.equal(await consumer.redeliver(["u1", "u2"]), 1);
  assert.deepEqual(await letters(), []);
});

Deno.test("EventConsumer.redeliver() throws what the handlers throw, and leaves the letter where it is", async () => {
  const { consumer, letters, storage } = await buried();
  await assert.rejects(
    consumer.redeliver(["u1", "u2"]),
    (error) => error instanceof RangeError && error.message === "No u1",
  );
  assert.deepEqual(await letters(), ["u1", "u2"]);
  assert.equal(await storage.transaction(({ client }) => client.get("u1")), undefined);
  assert.equal((await storage.outbox.statistics()).pending, 0);
});

Deno.test("EventConsumer.redeliver() refuses what nothing handles, and ends with its signal", async () => {
  const { consumer, storage, letters } = await buried();
  const envelope = await joined("u3", { type: "user.left" });
  await storage.transaction((tx) =>
    storage.inbox.bury(tx, { consumer: "billing", envelope, attempts: 1, error: "" })
  );
  await assert.rejects(consumer.redeliver(["u3"]), /nothing handles it/);
  const signal = AbortSignal.abort(new Error("Enough"));
  await assert.rejects(consumer.redeliver(["u1"], { signal }), /Enough/);
  assert.deepEqual(await letters(), ["u1", "u2", "u3"]);
});
