import { bootstrap, handlers } from "@sluice/cqrs";
import { transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Joined, joined } from "./support.ts";

function waiting(storage: ReturnType<typeof memoryStorage>) {
  const runs: string[] = [];
  const begun = Promise.withResolvers<AbortSignal>();
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, async ({ id }, { signal, tx }) => {
      runs.push(id);
      tx.client.set(id, true);
      if (runs.length > 1) return;
      begun.resolve(signal);
      await new Promise(() => {}); // a handler that looks at no signal
    }),
  );
  return { app, runs, begun: begun.promise };
}

for (const batchSize of [1, 10]) {
  Deno.test(`GroupHandling lets go of deliveries that are lost, ${batchSize} at a time`, async () => {
    const storage = memoryStorage();
    const { app, runs, begun } = waiting(storage);
    const { source, consumer, known, told } = bench({ app, storage, batchSize });
    const messages = [await joined("u1"), await joined("u2")];
    const lost = source.deliver(messages);
    const running = consumer.run();
    const signal = await begun;
    for (const delivery of lost) delivery.lose();
    assert.equal(signal.aborted, true);
    source.deliver([await joined("other")]);
    await told("other handled at 1");
    assert.deepEqual(runs, ["u1", "other"]);
    assert.deepEqual([await known("u1"), await known("u2")], [0, 0]);
    assert.equal(await storage.transaction(({ client }) => client.get("u1")), undefined);
    assert.deepEqual(lost.map(({ acks }) => acks), [0, 0]);
    // The partition comes back, with all that it had.
    const back = source.deliver(messages);
    await told("u2 handled at 1");
    assert.deepEqual(runs, ["u1", "other", "u1", "u2"]);
    await running[Symbol.asyncDispose]();
    assert.deepEqual(back.map(({ acks }) => acks), [1, 1]);
  });
}

Deno.test("GroupHandling goes on with the rest of a batch when one of it is lost", async () => {
  const storage = memoryStorage();
  const { app, runs, begun } = waiting(storage);
  const { source, consumer, known, told } = bench({ app, storage, batchSize: 10 });
  const [first] = source.deliver([await joined("u1"), await joined("u2")]);
  const running = consumer.run();
  await begun;
  first?.lose();
  await told("u2 handled at 1");
  await running[Symbol.asyncDispose]();
  assert.deepEqual(runs, ["u1", "u2"]);
  assert.equal(await known("u1"), 0);
});

Deno.test("GroupHandling does not wait any longer to try again what is lost", async () => {
  const app = bootstrap(
    handlers().on(Joined, ({ id }) => {
      if (id === "bad") throw new RangeError("No");
    }),
  );
  const { source, consumer, told, known, clock } = bench({ app });
  const [bad] = source.deliver([await joined("bad")]);
  const running = consumer.run();
  await told("bad failed at 1, again in 1000");
  source.deliver([await joined("behind")]);
  await clock.timersPending();
  bad?.lose();
  await told("behind handled at 1");
  assert.equal(await known("bad"), 0);
  await running[Symbol.asyncDispose]();
  assert.equal(clock.pendingTimers, 0);
});
