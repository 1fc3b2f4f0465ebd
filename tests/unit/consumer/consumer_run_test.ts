import { bootstrap, handlers } from "@sluice/cqrs";
import { transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Joined, joined } from "./support.ts";

function slow(storage = memoryStorage()) {
  const begun = Promise.withResolvers<AbortSignal>();
  const end = Promise.withResolvers<void>();
  const runs: string[] = [];
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, async ({ id }, { signal, tx }) => {
      tx.client.set(id, true);
      runs.push(id);
      begun.resolve(signal);
      await end.promise;
    }),
  );
  return { app, begun: begun.promise, end: end.resolve, runs, storage };
}

Deno.test("ConsumerRun finishes what is under way, begins nothing more, and leaves no counts", async () => {
  const { app, begun, end, runs, storage } = slow();
  const { source, consumer, known, clock } = bench({ app, storage });
  source.deliver([await joined("u1"), await joined("u2")]);
  const running = consumer.run({ graceMs: 1_000 });
  const signal = await begun;
  const ended = running[Symbol.asyncDispose]();
  await clock.advance(999);
  assert.equal(signal.aborted, false);
  source.deliver([await joined("u3")], { partition: "1" });
  end();
  await ended;
  await running.done;
  assert.deepEqual(runs, ["u1"]);
  assert.deepEqual(source.acked, ["u1"]);
  assert.deepEqual([await known("u1"), await known("u2"), await known("u3")], ["handled", 0, 0]);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(source.open, 0);
});

Deno.test("ConsumerRun cancels what is not finished when the grace is over, and rolls it back", async () => {
  const { app, begun, storage } = slow();
  const { source, consumer, known, clock } = bench({ app, storage });
  source.deliver([await joined("u1"), await joined("u2")]);
  const stop = new AbortController();
  const running = consumer.run({ graceMs: 1_000, signal: stop.signal });
  const signal = await begun;
  stop.abort(new Error("Enough"));
  await clock.advance(1_000);
  await running.done;
  assert.equal(signal.aborted, true);
  assert.equal(signal.reason.message, "Enough");
  assert.deepEqual(source.acked, []);
  assert.deepEqual([await known("u1"), await known("u2")], [0, 0]);
  assert.equal(await storage.transaction(({ client }) => client.get("u1")), undefined);
});

Deno.test("ConsumerRun cancels at once without a grace, and never with an endless one", async () => {
  for (const graceMs of [0, Infinity]) {
    const { app, begun, end, storage } = slow();
    const { source, consumer, clock } = bench({ app, storage });
    source.deliver([await joined("u1")]);
    const running = consumer.run({ graceMs });
    const signal = await begun;
    const ended = running[Symbol.asyncDispose]();
    assert.equal(signal.aborted, graceMs === 0);
    await clock.advance(1e9);
    end();
    await ended;
    assert.deepEqual(source.acked, graceMs === 0 ? [] : ["u1"]);
  }
});

Deno.test("ConsumerRun does not wait for a broker that takes no acknowledgement when its grace is over", async () => {
  const { source, consumer, clock, told } = bench({
    app: bootstrap(handlers().on(Joined, () => {})),
  });
  source.onAck = () => new Promise(() => {});
  source.deliver([await joined("u1")]);
  const running = consumer.run({ graceMs: 1_000 });
  await told("u1 handled at 1");
  const ended = running[Symbol.asyncDispose]();
  await clock.advance(1_000);
  await ended;
});

Deno.test("ConsumerRun tells of an acknowledgement that fails, and goes on", async () => {
  const { source, consumer, log, told } = bench({
    app: bootstrap(handlers().on(Joined, () => {})),
  });
  source.onAck = ({ envelope }) => {
    if (envelope.id === "u1") throw new Error("Not now");
  };
  source.deliver([await joined("u1"), await joined("u2")]);
  await using running = consumer.run();
  void running;
  await told("u2 handled at 1");
  assert.equal(log[1], "source_failed: Not now, again in 0");
});

Deno.test("ConsumerRun subscribes again after delays when the source fails or ends", async () => {
  const { source, consumer, clock, told, log } = bench({
    app: bootstrap(handlers().on(Joined, () => {})),
  });
  source.refusals.push(new Error("Down"), new Error("Down"));
  const running = consumer.run({ backoff: (failures) => failures * 100 });
  await told("source_failed: Down, again in 100");
  await clock.timersPending();
  await clock.advance(100);
  await told("source_failed: Down, again in 200");
  await clock.timersPending();
  await clock.advance(200);
  assert.equal(source.opened, 3);
  source.deliver([await joined("u1")]);
  await told("u1 handled at 1");
  await clock.advance(10_000); // it has run for long, so the delays begin anew
  source.fail(new Error("Broken"));
  await told("source_failed: Broken, again in 100");
  source.end();
  await clock.timersPending();
  await clock.advance(100);
  assert.match(log.at(-1) ?? "", /^source_failed: .* the source has ended .*, again in 200$/);
  await running[Symbol.asyncDispose]();
  assert.equal(source.open, 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("ConsumerRun keeps deliveries of one source in their order over a failure of it", async () => {
  const { app, begun, end, runs, storage } = slow();
  const { source, consumer, clock, told } = bench({ app, storage });
  const messages = await Promise.all(["u1", "u2"].map((id) => joined(id)));
  source.deliver(messages);
  const running = consumer.run({ backoff: () => 10 });
  await begun;
  source.fail(new Error("Broken"));
  await clock.advance(1_000);
  assert.equal(source.opened, 1); // what is under way comes first
  end();
  await told("source_failed: Broken, again in 10");
  source.deliver(messages);
  await clock.timersPending();
  await clock.advance(10);
  await told("u2 handled at 1");
  assert.deepEqual(runs, ["u1", "u2"]);
  await running[Symbol.asyncDispose]();
});

Deno.test("ConsumerRun does not begin with a signal that has aborted", async () => {
  const { source, consumer } = bench({ app: bootstrap(handlers().on(Joined, () => {})) });
  await consumer.run({ signal: AbortSignal.abort() }).done;
  assert.equal(source.opened, 0);
});

Deno.test("ConsumerRun refuses a grace that is none", () => {
  const { consumer } = bench({ app: bootstrap(handlers().on(Joined, () => {})) });
  assert.throws(() => consumer.run({ graceMs: -1 }), RangeError);
  assert.throws(() => consumer.run({ graceMs: NaN }), RangeError);
});
