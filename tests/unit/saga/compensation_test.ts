import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError, type StepRetry } from "../../../src/saga/mod.ts";
import { fail, inTime, logOf, trio, workshop } from "./support.ts";

/** A saga that turns back, and whose compensations fail some times. */
function stubborn(
  failures: Record<string, number>,
  retries: Record<string, StepRetry | undefined>,
  compensateRetry?: StepRetry,
) {
  const { clock, options, events } = workshop();
  const times: Record<string, number[]> = { a: [], b: [] };
  const side = (id: string) => ({
    act: () => {},
    compensate: () => {
      const seen = times[id] ?? [];
      seen.push(clock.now());
      if (seen.length <= (failures[id] ?? 0)) throw new Error(`No ${id}`);
    },
    compensateRetry: retries[id],
  });
  const error = new Error("Turn back");
  const definition = saga("stubborn", { version: 1, context: type<object>(), compensateRetry })
    .step("a", side("a"))
    .step("b", side("b"))
    .step("c", fail(error));
  const app = bootstrap(handlers().saga(definition), options);
  const delays = (id: string) => times[id]?.slice(1).map((at, n) => at - (times[id]?.[n] ?? 0));
  const run = () =>
    inTime(
      clock,
      app.send(definition({}, { id: "s" })).then(() => assert.fail("completed"), (e) => e),
    );
  return { app, clock, times, delays, run, error, events, definition };
}

Deno.test("a compensation that fails twice is tried three times, and the saga is compensated", async () => {
  const { run, times } = stubborn({ b: 2 }, {});
  const thrown: SagaFailedError = await run();
  assert.equal(thrown.outcome.status, "compensated");
  assert.equal(times.b?.length, 3);
});

Deno.test("a compensation that always fails is tried exactly as often as its retry says", async () => {
  const { run, times } = stubborn({ b: Infinity }, { b: { maxAttempts: 5 } });
  const thrown: SagaFailedError = await run();
  assert.equal(thrown.outcome.status, "failed");
  assert.equal(times.b?.length, 5);
});

Deno.test("a compensation is tried again after 100, 200 and 400 milliseconds", async () => {
  const backoff = { initialDelayMs: 100, factor: 2, jitter: "none" } as const;
  const { run, delays } = stubborn({ b: 3 }, { b: { maxAttempts: 4, backoff } });
  await run();
  assert.deepEqual(delays("b"), [100, 200, 400]);
});

Deno.test("a compensation is tried three times by default, after 1 and 2 seconds", async () => {
  const { run, delays } = stubborn({ a: Infinity }, {});
  await run();
  assert.deepEqual(delays("a"), [1_000, 2_000]);
});

Deno.test("a compensation is tried again as its saga says where its step says nothing, and a step may say part of it", async () => {
  const { run, delays } = stubborn({ a: Infinity, b: Infinity }, { b: { maxAttempts: 2 } }, {
    maxAttempts: 4,
    backoff: () => 70,
  });
  await run();
  assert.deepEqual(delays("a"), [70, 70, 70]);
  assert.deepEqual(delays("b"), [70]);
});

Deno.test("each compensation has attempts of its own", async () => {
  const { run, times } = stubborn({ a: 2, b: 1 }, {});
  const thrown: SagaFailedError = await run();
  assert.equal(thrown.outcome.status, "compensated");
  assert.deepEqual([times.a?.length, times.b?.length], [3, 2]);
});

Deno.test("a compensation that gives up keeps no other from running, and the saga has failed with the original cause", async () => {
  const { app, run, times, error, events } = stubborn({ b: Infinity }, { b: { maxAttempts: 1 } });
  const thrown: SagaFailedError = await run();
  assert.equal(thrown.cause, error);
  assert.equal(thrown.outcome.status, "failed");
  assert.equal(times.a?.length, 1);
  assert.deepEqual(thrown.outcome.steps, [
    { step: "a", status: "compensated" },
    { step: "b", status: "compensation_failed", error: "Error: No b" },
    { step: "c", status: "failed", error: "Error: Turn back" },
  ]);
  assert.deepEqual((await app.sagas.list({ status: "failed" })).map(({ id }) => id), ["s"]);
  assert.deepEqual((await app.sagas.get("s"))?.steps, thrown.outcome.steps);
  assert.deepEqual(await app.sagas.statistics(), {
    running: 0,
    waiting: 0,
    compensating: 0,
    failed: 1,
    parked: 0,
    oldestDueMs: undefined,
    lateSignals: 0,
  });
  const ended = events.find(({ type }) => type === "saga_ended");
  assert.ok(ended?.type === "saga_ended" && ended.status === "failed");
});

Deno.test("each attempt at a compensation is written before it begins, and each failure", async () => {
  const { app, run } = stubborn({ b: 1 }, {});
  await run();
  assert.deepEqual((await logOf(app, "s")).slice(6), [
    "turn_back completed",
    "compensate b started",
    "compensate b retrying",
    "compensate b started",
    "compensate b completed",
    "compensate a started",
    "compensate a completed",
  ]);
});

Deno.test("a compensation that runs out of its time is tried again", async () => {
  const { clock, options } = workshop();
  let attempts = 0;
  const definition = saga("slow", { version: 1, context: type<object>() })
    .step("slow", {
      act: () => {},
      compensate: () => ++attempts < 2 ? new Promise(() => {}) : undefined,
      timeoutMs: 10,
    })
    .step("last", fail(new Error("No")));
  const app = bootstrap(handlers().saga(definition), options);
  await assert.rejects(inTime(clock, app.send(definition({}))), (error: SagaFailedError) => {
    assert.equal(error.outcome.status, "compensated");
    return true;
  });
  assert.equal(attempts, 2);
});

Deno.test("a step without a compensation stays as it is", async () => {
  const { options } = workshop();
  const undone: string[] = [];
  const definition = saga("mixed", { version: 1, context: type<object>() })
    .step("a", { act: () => {}, compensate: () => void undone.push("a") })
    .step("b", () => {})
    .step("c", fail(new Error("No")));
  const app = bootstrap(handlers().saga(definition), options);
  const thrown = await app.send(definition({})).catch((error: SagaFailedError) => error);
  assert.ok(thrown instanceof SagaFailedError);
  assert.deepEqual(thrown.outcome.steps.map(({ status }) => status), [
    "compensated",
    "completed",
    "failed",
  ]);
  assert.deepEqual(undone, ["a"]);
});

Deno.test("a compensation gets the context as it is when the saga turns back, with what its own act has returned", async () => {
  const { options } = workshop();
  const seen: unknown[] = [];
  const definition = saga("context", { version: 1, context: type<{ n: number }>() })
    .step("a", { act: () => ({ a: 1 }), compensate: (context) => void seen.push({ ...context }) })
    .step("b", () => ({ n: 2 }))
    .step("c", fail(new Error("No")));
  const app = bootstrap(handlers().saga(definition), options);
  await app.send(definition({ n: 1 })).catch(() => {});
  assert.deepEqual(seen, [{ n: 2, a: 1 }]);
});

Deno.test("a saga that has turned back stays so, though the step that failed would succeed now", async () => {
  let fails = true;
  const { app, open, definition, lines, clock } = trio({
    "act b": () => {
      if (fails) throw new Error("No");
    },
    "undo a": () => {
      if (fails) throw new Error("Not now");
    },
  });
  const leaving = new AbortController();
  const sent = app.send(definition({ n: 1 }, { id: "s" }), { signal: leaving.signal });
  await clock.timersPending(2); // the heartbeat, and the wait for the next attempt
  leaving.abort(new Error("Enough"));
  await assert.rejects(sent, /Enough/);
  fails = false;
  await clock.advance(1_000);
  const outcome = await open().sagas.recover("s");
  assert.equal(outcome.status, "compensated");
  assert.deepEqual(lines, ["act a", "act b", "undo a", "undo a"]);
});
