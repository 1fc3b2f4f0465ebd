import assert from "node:assert/strict";
import {
  assertCalls,
  assertRefuses,
  breakerOn,
  callInFlight,
  fail,
  RESET_MS,
  testOnEachStore,
} from "./circuit_harness.ts";

testOnEachStore("closes when the trial succeeds", async (store) => {
  const { breaker, clock, changes } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  await assertCalls(breaker);
  assert.deepEqual(changes.map(({ from, to }) => `${from} ${to}`), [
    "closed open",
    "open half_open",
    "half_open closed",
  ]);
  await fail(breaker, 2);
  await assertCalls(breaker);
});

testOnEachStore(
  "rethrows the error of a trial that fails, and opens for the whole time",
  async (store) => {
    const { breaker, clock, changes } = breakerOn(store);
    await fail(breaker, 3);
    await clock.advance(RESET_MS + 500);
    await fail(breaker);
    assert.deepEqual(changes.at(-1), { circuit: "rates", from: "half_open", to: "open" });
    await assertRefuses(breaker, RESET_MS);
    await clock.advance(RESET_MS);
    await assertCalls(breaker);
  },
);

testOnEachStore("lets exactly one of concurrent calls through as the trial", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  const gate = Promise.withResolvers<string>();
  const results = Array.from({ length: 5 }, () => breaker.call(() => gate.promise));
  const outcomes = Promise.allSettled(results);
  await clock.advance(0);
  gate.resolve("trial");
  const reasons = (await outcomes).map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : outcome.reason.code
  );
  assert.deepEqual(reasons.sort(), [...Array(4).fill("circuit_open"), "trial"]);
});

testOnEachStore("refuses calls during the trial until its lease ends", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  const trial = callInFlight(breaker);
  await trial.started;
  await clock.advance(300);
  await assertRefuses(breaker, 700);
  trial.succeed("trial");
  await trial.result;
  await assertCalls(breaker);
});

testOnEachStore(
  "counts an error that is no failure as success, in the count and in a trial",
  async (store) => {
    const { breaker, clock } = breakerOn(store, {
      isFailure: (error) => !(error instanceof RangeError),
    });
    const refuse = () =>
      assert.rejects(breaker.call(() => Promise.reject(new RangeError("Business rule"))));
    await fail(breaker, 2);
    await refuse();
    await fail(breaker, 3);
    await assertRefuses(breaker, RESET_MS);
    await clock.advance(RESET_MS);
    await refuse();
    await assertCalls(breaker);
  },
);

testOnEachStore("gives the trial of a call back whose signal aborted", async (store) => {
  const { breaker, clock, changes } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  const controller = new AbortController();
  const trial = callInFlight(breaker, controller.signal);
  await trial.started;
  controller.abort();
  trial.fail(new Error("Aborted"));
  await assert.rejects(trial.result, { message: "Aborted" });
  await assertCalls(breaker);
  assert.deepEqual(changes.slice(1).map(({ to }) => to), ["half_open", "closed"]);
});

testOnEachStore(
  "rejects with the reason of a signal that aborts before the call, and keeps the trial",
  async (store) => {
    const { breaker, clock } = breakerOn(store);
    await fail(breaker, 3);
    await clock.advance(RESET_MS);
    const controller = new AbortController();
    const run = () => assert.fail("It was called");
    const early = breaker.call(run, { signal: AbortSignal.abort("Enough") });
    await assert.rejects(early, (error) => error === "Enough");
    const during = breaker.call(run, { signal: controller.signal });
    controller.abort("Enough");
    await assert.rejects(during, (error) => error === "Enough");
    await assertCalls(breaker);
  },
);

testOnEachStore("makes room for another trial when one has not settled in time", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  await breaker.acquire(); // and its process dies
  await clock.advance(RESET_MS - 1);
  await assertRefuses(breaker, 1);
  await clock.advance(1);
  await assertCalls(breaker);
});

testOnEachStore("lets only the latest trial decide", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  const lost = await breaker.acquire();
  await clock.advance(RESET_MS);
  const latest = await breaker.acquire();
  await lost.success();
  await assertRefuses(breaker, RESET_MS);
  await latest.failure(new Error("Failure"));
  await lost.release();
  await assertRefuses(breaker, RESET_MS);
});

testOnEachStore("lets a late trial decide that nobody has replaced", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker, 3);
  await clock.advance(RESET_MS);
  const late = await breaker.acquire();
  await clock.advance(10 * RESET_MS);
  await late.success();
  await Promise.all([assertCalls(breaker), assertCalls(breaker)]);
});

testOnEachStore("ignores how calls end that began before the circuit opened", async (store) => {
  const { breaker, clock } = breakerOn(store);
  await fail(breaker);
  const [succeeding, failing] = [await breaker.acquire(), await breaker.acquire()];
  await fail(breaker, 2);
  await succeeding.success();
  await assertRefuses(breaker, RESET_MS);
  await clock.advance(RESET_MS);
  const trial = await breaker.acquire();
  await failing.failure(new Error("Failure"));
  await assertRefuses(breaker, RESET_MS);
  await trial.success();
  await assertCalls(breaker);
});
