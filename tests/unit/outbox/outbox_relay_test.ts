import assert from "node:assert/strict";
import { memoryBroker } from "../../../src/broker/memory_broker.ts";
import { outboxRelay } from "../../../src/outbox/outbox_relay.ts";
import type { RelayEvent } from "../../../src/outbox/relay_options.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { rows } from "./rows.ts";
import { ScriptedSource } from "./scripted_source.ts";

/** Resolves when the relay has published so many messages. */
function publishing(count: number) {
  const reached = Promise.withResolvers<void>();
  let published = 0;
  const observer = ({ type }: RelayEvent) => {
    if (type === "published" && ++published === count) reached.resolve();
  };
  return { observer, reached: reached.promise };
}

Deno.test("run() publishes when it is woken, and keeps its session between two ticks", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource(rows("a1"));
  const broker = memoryBroker();
  const first = publishing(1);
  const second = publishing(2);
  const running = outboxRelay({
    source,
    broker,
    clock,
    observer: (event) => {
      first.observer(event);
      second.observer(event);
    },
  }).run();
  await first.reached;
  await clock.timersPending(2); // the heartbeat, and the wait
  source.script.batches.push(rows("b1"));
  source.onWake?.();
  await second.reached;
  assert.equal(source.opened.length, 1);
  assert.equal(source.openSessions, 1);
  await running[Symbol.asyncDispose]();
  assert.equal(source.openSessions, 0);
  assert.equal(source.onWake, undefined);
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(broker.messages("t").map(({ id }) => id), ["a1", "b1"]);
});

Deno.test("run() looks again after its interval, without being woken", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource();
  const { observer, reached } = publishing(1);
  const relay = outboxRelay({ source, broker: memoryBroker(), clock, observer });
  const running = relay.run({ intervalMs: 250 });
  await clock.timersPending(2);
  source.script.batches.push(rows("a1"));
  await clock.advance(250);
  await reached;
  await running[Symbol.asyncDispose]();
});

Deno.test("run() goes on after a failure, which its observer sees", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource(rows("a1"));
  const errors: unknown[] = [];
  const failed = Promise.withResolvers<void>();
  const { observer, reached } = publishing(1);
  source.script.onRead = () => {
    source.script.onRead = () => {};
    throw new Error("Gone");
  };
  const relay = outboxRelay({
    source,
    broker: memoryBroker(),
    clock,
    observer: (event) => {
      observer(event);
      if (event.type !== "failed") return;
      errors.push(event.error);
      failed.resolve();
    },
  });
  const running = relay.run({ backoff: () => 2_000 });
  await failed.promise;
  assert.equal(source.openSessions, 0);
  await clock.timersPending();
  await clock.advance(2_000);
  await reached;
  await running[Symbol.asyncDispose]();
  assert.deepEqual(errors, [new Error("Gone")]);
});

Deno.test("run() finishes the batch under way when it ends", async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource(rows("a1"), rows("a2"));
  const began = Promise.withResolvers<void>();
  const confirm = Promise.withResolvers<readonly [{ readonly ok: true }]>();
  const stop = new AbortController();
  const running = outboxRelay({
    source,
    clock,
    broker: {
      publish() {
        began.resolve();
        return confirm.promise;
      },
      async [Symbol.asyncDispose]() {},
    },
  }).run({ signal: stop.signal, budgetMs: 0 });
  await began.promise;
  stop.abort();
  confirm.resolve([{ ok: true }]);
  await running.done;
  assert.deepEqual(source.settled, [["a1 published"]]);
  assert.equal(source.openSessions, 0);
});

Deno.test("outboxRelay() refuses options that are out of range, and a relay without a source", () => {
  const source = new ScriptedSource();
  const broker = memoryBroker();
  for (
    const options of [
      { batchSize: 0 },
      { batchSize: 1.5 },
      { leaseMs: 999 },
      { leaseMs: Infinity },
      { leaseMs: NaN },
      { publishTimeoutMs: 0 },
      { retry: { maxAttempts: 0 } },
      { retry: { maxAttempts: 2.5 } },
      { retry: { backoff: { initialDelayMs: -1 } } },
    ]
  ) {
    assert.throws(() => outboxRelay({ source, broker, ...options }), RangeError);
  }
  assert.throws(() => outboxRelay({ broker }), TypeError);
  assert.throws(() => outboxRelay({ source, broker, topics: [] }), TypeError);
  assert.throws(
    () => outboxRelay({ source, broker, afterDeadLetter: "drop" as never }),
    TypeError,
  );
});
