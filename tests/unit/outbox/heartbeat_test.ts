import assert from "node:assert/strict";
import { Heartbeat } from "../../../src/outbox/heartbeat.ts";
import { LeaseLostError, type OutboxSession } from "../../../src/storage/outbox_session.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

/** A session that counts how often it is kept. */
function session(keep: () => Promise<void> = () => Promise.resolve()) {
  const counted = {
    keeps: 0,
    read: () => Promise.resolve([]),
    settle: () => Promise.resolve(),
    keep() {
      counted.keeps++;
      return keep();
    },
    async [Symbol.asyncDispose]() {},
  };
  return counted satisfies OutboxSession;
}

Deno.test("Heartbeat keeps its session three times within a lease until it is stopped", async () => {
  const clock = new ManualClock();
  const kept = session();
  const heartbeat = new Heartbeat(kept, 3_000, clock);
  await clock.advance(999);
  assert.equal(kept.keeps, 0);
  await clock.advance(1);
  assert.equal(kept.keeps, 1);
  await clock.advance(2_000);
  assert.equal(kept.keeps, 3);
  heartbeat.stop();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("fresh() asks the session only when half of the lease is over", async () => {
  const clock = new ManualClock();
  let isDown = true;
  const kept = session(() => isDown ? Promise.reject(new Error("Down")) : Promise.resolve());
  const heartbeat = new Heartbeat(kept, 3_000, clock);
  await clock.advance(1_500); // one beat has failed
  await heartbeat.fresh();
  assert.equal(kept.keeps, 1);
  await clock.advance(1);
  await assert.rejects(heartbeat.fresh(), { message: "Down" });
  isDown = false;
  await heartbeat.fresh();
  assert.equal(kept.keeps, 3);
  await heartbeat.fresh();
  assert.equal(kept.keeps, 3);
  heartbeat.stop();
});

Deno.test("fresh() rejects once a beat has found the lease lost", async () => {
  const clock = new ManualClock();
  const heartbeat = new Heartbeat(
    session(() => Promise.reject(new LeaseLostError())),
    3_000,
    clock,
  );
  await heartbeat.fresh();
  await clock.advance(1_000);
  await assert.rejects(heartbeat.fresh(), { code: "lease_lost" });
  heartbeat.stop();
});
