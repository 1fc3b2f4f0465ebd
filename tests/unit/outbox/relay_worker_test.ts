import assert from "node:assert/strict";
import type { Publisher, PublishResult } from "../../../src/broker/publisher.ts";
import type { Envelope } from "../../../src/message/envelope.ts";
import { outboxRelay } from "../../../src/outbox/outbox_relay.ts";
import type { OutboxRelayOptions, RelayEvent } from "../../../src/outbox/relay_options.ts";
import { LeaseLostError } from "../../../src/storage/outbox_session.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { rows } from "./rows.ts";
import { ScriptedSource } from "./scripted_source.ts";

const ok: PublishResult = { ok: true };

/** A broker that confirms all but what `refuses` says. */
function broker(
  refuses: (id: string) => boolean = () => false,
  onPublish: (ids: readonly string[]) => void | Promise<void> = () => {},
): Publisher {
  return {
    keepsOrderOnFailure: true,
    async publish(messages: readonly Envelope[]) {
      await onPublish(messages.map(({ id }) => id));
      const failed = new Set<string | undefined>();
      return messages.map(({ id, key }): PublishResult => {
        if (refuses(id)) failed.add(key);
        return failed.has(key) ? { ok: false, error: new TypeError(`No ${id}`) } : ok;
      });
    },
    async [Symbol.asyncDispose]() {},
  };
}

function relayOf(source: ScriptedSource, options: Partial<OutboxRelayOptions> = {}) {
  return outboxRelay({
    source,
    broker: broker(),
    clock: new ManualClock(),
    retry: { backoff: (attempt) => attempt * 100 },
    ...options,
  });
}

const budget = { budgetMs: 1_000 };

Deno.test("tick() publishes batch by batch until nothing is left, and says what it has done", async () => {
  const source = new ScriptedSource(rows("a1 b1"), rows("a2 c1"));
  const published: string[] = [];
  const relay = relayOf(source, {
    broker: broker(undefined, (ids) => void published.push(ids.join(" "))),
    topics: ["t"],
    leaseMs: 5_000,
  });
  const report = await relay.tick(budget);
  assert.deepEqual(report, { hasMore: false, published: 4, failed: 0, deadLettered: 0 });
  assert.deepEqual(published, ["a1 b1", "a2 c1"]);
  assert.deepEqual(source.settled, [["a1 published", "b1 published"], [
    "a2 published",
    "c1 published",
  ]]);
  assert.deepEqual(source.opened, [{ topics: ["t"], leaseMs: 5_000 }]);
  assert.equal(source.openSessions, 0);
});

Deno.test("tick() reads the next batch while one is published, and writes down the one before", async () => {
  const source = new ScriptedSource(rows("a1"), rows("a2"), rows("a3"));
  const relay = relayOf(source, {
    broker: broker(undefined, ([id]) => void source.journal.push(`publish ${id}`)),
  });
  let settles = 0;
  source.script.onSettle = async () => {
    // It ends only when the next batch is being published.
    const next = `publish a${++settles + 1}`;
    while (settles < 3 && !source.journal.includes(next)) await Promise.resolve();
  };
  await relay.tick(budget);
  assert.deepEqual(source.journal.slice(0, 5), [
    "read",
    "read",
    "publish a1",
    "settle",
    "read",
  ]);
  assert.equal(source.settled.length, 3);
});

Deno.test("tick() with a budget of 0 publishes one batch", async () => {
  const source = new ScriptedSource(rows("a1"), rows("a2"));
  const report = await relayOf(source).tick({ budgetMs: 0 });
  assert.deepEqual(report, { hasMore: true, published: 1, failed: 0, deadLettered: 0 });
  assert.deepEqual(source.script.batches.length, 1);
});

Deno.test("tick() has a refused message wait, and what comes behind it in its lane", async () => {
  const source = new ScriptedSource(rows("a1 b1 a2"), rows("a3 b2"), rows("c1"));
  const events: RelayEvent[] = [];
  const relay = relayOf(source, {
    broker: broker((id) => id === "a1"),
    observer: (event) => events.push(event),
  });
  const report = await relay.tick(budget);
  assert.deepEqual(report, { hasMore: false, published: 3, failed: 1, deadLettered: 0 });
  assert.deepEqual(source.settled, [
    ["a1 failed", "b1 published", "a2 held"],
    ["a3 held", "b2 published"],
    ["c1 published"],
  ]);
  const [first] = source.outcomes;
  assert.equal(first?.outcome === "failed" && first.retryAfterMs, 100);
  assert.equal(first?.outcome === "failed" && first.error, "TypeError: No a1");
  assert.deepEqual(
    events.map((event) =>
      event.type === "publish_failed" ? [event.attempt, event.retryAfterMs] : event.type
    ),
    [[1, 100], "published", "published", "published"],
  );
});

Deno.test("tick() lets its session know of a lane that waits before it reads on", async () => {
  const source = new ScriptedSource(rows("a1"), rows("a2"), rows("b1"));
  const relay = relayOf(source, { broker: broker((id) => id === "a1") });
  await relay.tick(budget);
  assert.deepEqual(source.journal.slice(0, 4), ["read", "read", "settle", "read"]);
});

Deno.test("tick() gives a message up after its last attempt, and parks its lane", async () => {
  const source = new ScriptedSource(rows("a1 a2", 2), rows("a3"));
  const events: RelayEvent[] = [];
  const relay = relayOf(source, {
    broker: broker((id) => id === "a1"),
    retry: { maxAttempts: 3 },
    observer: (event) => events.push(event),
  });
  const report = await relay.tick(budget);
  assert.deepEqual(report, { hasMore: false, published: 0, failed: 0, deadLettered: 1 });
  assert.deepEqual(source.settled, [["a1 dead", "a2 held"], ["a3 held"]]);
  const [first] = source.outcomes;
  assert.equal(first?.outcome === "dead" && first.continues, false);
  assert.deepEqual(
    events.map((event) => event.type === "dead_lettered" && event.attempts),
    [3],
  );
});

Deno.test("tick() goes on behind a dead letter where that is wanted", async () => {
  const source = new ScriptedSource(rows("a1", 2), rows("a2"));
  const relay = relayOf(source, {
    broker: broker((id) => id === "a1"),
    retry: { maxAttempts: 3 },
    afterDeadLetter: "continue",
  });
  await relay.tick(budget);
  assert.deepEqual(source.settled, [["a1 dead"], ["a2 published"]]);
  const [first] = source.outcomes;
  assert.equal(first?.outcome === "dead" && first.continues, true);
});

Deno.test("tick() rejects when the broker is out of reach, and puts back what it had read", async () => {
  const source = new ScriptedSource(rows("a1 b1"), rows("c1"));
  const events: RelayEvent[] = [];
  const down = new Error("Down");
  const relay = relayOf(source, {
    broker: broker(undefined, () => Promise.reject(down)),
    observer: (event) => events.push(event),
  });
  await assert.rejects(relay.tick(budget), { code: "broker_unavailable", cause: down });
  assert.deepEqual(source.settled, [["a1 returned", "b1 returned"], ["c1 returned"]]);
  assert.deepEqual(events, [{ type: "broker_unavailable", error: down }]);
  assert.equal(source.openSessions, 0);
});

Deno.test("tick() goes on with a new session when it has lost its lease", async () => {
  const source = new ScriptedSource(rows("a1"), rows("b1"));
  const events: string[] = [];
  source.script.onSettle = () => {
    source.script.onSettle = () => {};
    throw new LeaseLostError();
  };
  const report = await relayOf(source, { observer: ({ type }) => events.push(type) }).tick(budget);
  assert.equal(source.opened.length, 2);
  assert.equal(source.openSessions, 0);
  assert.ok(events.includes("lease_lost"));
  assert.equal(report.hasMore, false);
});

Deno.test("tick() ends within its budget, also when it loses its lease again and again", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource(rows("a1"));
  source.script.onRead = async () => {
    await clock.advance(400);
    throw new LeaseLostError();
  };
  const report = await relayOf(source, { clock }).tick(budget);
  assert.equal(report.hasMore, true);
  assert.equal(source.opened.length, 3);
});

Deno.test("tick() rejects with what the database throws, and lets go of its session", async () => {
  for (const where of ["onRead", "onSettle"] as const) {
    const source = new ScriptedSource(rows("a1"), rows("b1"), rows("c1"));
    source.script[where] = () => {
      throw new Error("Gone");
    };
    await assert.rejects(relayOf(source).tick(budget), { message: "Gone" });
    assert.equal(source.openSessions, 0);
  }
});

Deno.test("tick() rejects with the reason of its signal, and waits for the broker no longer", async () => {
  const source = new ScriptedSource(rows("a1"), rows("b1"));
  const stop = new AbortController();
  const relay = relayOf(source, {
    broker: broker(undefined, () => {
      stop.abort("enough");
      return new Promise(() => {});
    }),
  });
  await assert.rejects(
    relay.tick({ ...budget, signal: stop.signal }),
    (error) => error === "enough",
  );
  assert.equal(source.openSessions, 0);
  assert.deepEqual(source.settled, []);
  await assert.rejects(relay.tick({ ...budget, signal: stop.signal }), (e) => e === "enough");
  assert.equal(source.opened.length, 1);
});

Deno.test("tick() writes down what was confirmed before its signal aborted", async () => {
  const source = new ScriptedSource(rows("a1"), rows("b1"));
  const stop = new AbortController();
  const relay = relayOf(source, {
    broker: broker(undefined, ([id]) => {
      if (id === "b1") stop.abort("enough");
    }),
  });
  await assert.rejects(
    relay.tick({ ...budget, signal: stop.signal }),
    (error) => error === "enough",
  );
  assert.ok(source.settled.flat().includes("a1 published"));
});

Deno.test("tick() is not disturbed by an observer that throws", async () => {
  const source = new ScriptedSource(rows("a1"));
  const report = await relayOf(source, {
    observer: () => {
      throw new Error("Broken observer");
    },
  }).tick(budget);
  assert.equal(report.published, 1);
});

Deno.test("tick() keeps the names of an error and its cause, and no more than 1,000 characters", async () => {
  const source = new ScriptedSource(rows("a1"), rows("b1"));
  const errors = [
    new TypeError("Wrong", { cause: new RangeError("Too large") }),
    "x".repeat(2_000),
  ];
  const relay = relayOf(source, {
    broker: {
      publish: () => Promise.resolve([{ ok: false, error: errors.shift() }]),
      async [Symbol.asyncDispose]() {},
    },
  });
  await relay.tick(budget);
  const texts = source.outcomes.map((outcome) => outcome.outcome === "failed" && outcome.error);
  assert.deepEqual(texts, ["TypeError: Wrong: RangeError: Too large", "x".repeat(1_000)]);
});
