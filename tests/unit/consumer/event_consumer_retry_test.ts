import { bootstrap, handlers, memoryBroker } from "@sluice/cqrs";
import { outboxRelay } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Greeted, Joined, joined } from "./support.ts";

/** Fails at messages whose id begins with "bad", so many times each. */
function failing(times = Infinity) {
  const runs: string[] = [];
  const app = bootstrap(
    handlers().on(Joined, ({ id }) => {
      runs.push(id);
      const count = runs.filter((run) => run === id).length;
      if (id.startsWith("bad") && count <= times) throw new RangeError(`No ${id}`);
    }),
  );
  return { app, runs };
}

Deno.test("eventConsumer() lets the partition of a message that failed wait, and no other", async () => {
  for (const concurrency of [1, 10]) {
    const { app, runs } = failing(1);
    const { source, clock, consumer, told } = bench({ app, concurrency });
    source.deliver([await joined("bad"), await joined("behind")]);
    source.deliver([await joined("other")], { partition: "1" });
    const ticking = consumer.tick({ budgetMs: 60_000, idleMs: 10 });
    await told("other handled at 1");
    await told("bad failed at 1, again in 1000");
    source.deliver([await joined("later")], { partition: "1" });
    await told("later handled at 1");
    assert.equal(runs.includes("behind"), false);
    await clock.timersPending(2);
    await clock.advance(999);
    assert.equal(runs.includes("behind"), false);
    await clock.advance(11);
    await ticking;
    assert.deepEqual(runs.filter((id) => id !== "other" && id !== "later"), [
      "bad",
      "bad",
      "behind",
    ]);
    assert.deepEqual(source.acked, ["other", "later", "bad", "behind"]);
  }
});

Deno.test("eventConsumer() gives a message up when its attempts are spent, and goes on", async () => {
  const { app, runs } = failing();
  const { source, drain, log, storage } = bench({ app });
  const message = await joined("bad", { body: new TextEncoder().encode('{"id":"bad"}') });
  source.deliver([message, await joined("good")]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 4 failed, 1 dead");
  assert.equal(runs.filter((id) => id === "bad").length, 5);
  assert.deepEqual(log, [
    "bad failed at 1, again in 1000",
    "bad failed at 2, again in 2000",
    "bad failed at 3, again in 3000",
    "bad failed at 4, again in 4000",
    "bad dead at 5",
    "good handled at 1",
  ]);
  assert.deepEqual(source.acked, ["bad", "good"]);
  const [letter, ...others] = await storage.inbox.deadLetters.list();
  assert.equal(others.length, 0);
  assert.deepEqual(letter?.envelope, message);
  assert.equal(letter?.consumer, "billing");
  assert.equal(letter?.attempts, 5);
  assert.equal(letter?.error, "RangeError: No bad");
  source.deliver([message]);
  assert.equal(await drain(), "0 handled, 1 duplicates, 0 unhandled, 0 failed, 0 dead");
});

Deno.test("eventConsumer() gives a message up at once whose error is not worth another attempt", async () => {
  const { app, runs } = failing();
  const seen: unknown[] = [];
  const when = (error: unknown) => {
    seen.push(error);
    return false;
  };
  const { source, drain } = bench({ app, retry: { when } });
  source.deliver([await joined("bad")]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  assert.deepEqual(runs, ["bad"]);
  assert.equal((seen[0] as Error).message, "No bad");
});

Deno.test("eventConsumer() gives up at once what cannot be read, with its bytes", async () => {
  const { app, runs } = failing();
  const { source, drain, storage, events } = bench({ app });
  const body = new Uint8Array([0xff, 0xfe, 0]);
  source.deliver([await joined("garbage", { body })]);
  source.deliver([await joined("unread", { type: "", body })], {
    error: new TypeError("Cannot read a message without the attribute"),
  });
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 2 dead");
  assert.deepEqual(runs, []);
  const letters = await storage.inbox.deadLetters.list();
  assert.deepEqual(letters.map(({ envelope }) => envelope.body), [body, body]);
  assert.match(letters[0]?.error ?? "", /^MessageDecodeError: /);
  assert.match(letters[1]?.error ?? "", /^TypeError: Cannot read a message/);
  assert.deepEqual(letters.map(({ attempts }) => attempts), [0, 0]);
  assert.equal(events.length, 2);
  assert.deepEqual(source.acked, ["garbage", "unread"]);
});

Deno.test("eventConsumer() publishes a copy of what it gives up, with headers that say why", async () => {
  const storage = memoryStorage();
  const broker = memoryBroker();
  const { app } = failing();
  const { source, drain } = bench({
    app,
    storage,
    deadLetter: { topic: "users.dead" },
    retry: { maxAttempts: 1 },
  });
  const message = await joined("bad", { headers: { tenant: "a" } });
  source.deliver([message]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  assert.deepEqual(await storage.inbox.deadLetters.list(), []);
  await outboxRelay({ storage, broker }).tick({ budgetMs: 1_000 });
  const [copy] = broker.messages("users.dead");
  assert.deepEqual(copy, {
    ...message,
    topic: "users.dead",
    headers: {
      tenant: "a",
      "dead-letter-consumer": "billing",
      "dead-letter-topic": "users",
      "dead-letter-position": "users/0/bad",
      "dead-letter-attempts": "1",
      "dead-letter-error": "RangeError: No bad",
    },
  });
});

Deno.test("eventConsumer() keeps in the table what the outbox may not publish", async () => {
  const storage = memoryStorage({ notifications: [Greeted] });
  const { app } = failing();
  const { source, drain } = bench({
    app,
    storage,
    deadLetter: { topic: "users.dead" },
    retry: { maxAttempts: 1 },
  });
  source.deliver([await joined("bad")]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  const [letter] = await storage.inbox.deadLetters.list();
  assert.equal(letter?.envelope.topic, "users");
  assert.deepEqual(source.acked, ["bad"]);
});

Deno.test("eventConsumer() ends with what a function of its options throws, and nothing is lost", async () => {
  const { app } = failing(1);
  let isBroken = true;
  const { source, consumer, drain } = bench({
    app,
    retry: {
      backoff: () => 0,
      when() {
        if (isBroken) throw new SyntaxError("Broken");
        return true;
      },
    },
  });
  const message = await joined("bad");
  source.deliver([message]);
  await assert.rejects(consumer.tick({ budgetMs: 1_000 }), SyntaxError);
  assert.equal(source.open, 0);
  isBroken = false;
  source.deliver([message]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
});
