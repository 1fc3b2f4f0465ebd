import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError, type SagaItem } from "../../../src/saga/mod.ts";
import { inTime, logOf, workshop } from "./support.ts";

/** A saga of one step that fails some times, and what waits for it. */
function flaky(failures: number, retry: object, at: "act" | "compensate" = "act") {
  const { clock, options } = workshop();
  const begun: number[] = [];
  const attempts: number[] = [];
  const definition = saga("flaky", { version: 1, context: type<object>() })
    .step("before", { act: () => {}, compensate: () => {} })
    .step("flaky", {
      act: (_data, { attempt }) => {
        begun.push(clock.now());
        attempts.push(attempt);
        if (begun.length <= failures) throw new Error(`No ${begun.length}`);
      },
      retry,
    });
  const app = bootstrap(handlers().saga(definition), options);
  const delays = () => begun.slice(1).map((at, n) => at - (begun[n] ?? 0));
  return { app, clock, definition, begun, attempts, delays, at };
}

const exponential = { initialDelayMs: 100, factor: 2, jitter: "none" } as const;

Deno.test("a step that throws is tried again with growing delays, and the saga completes", async () => {
  const { app, clock, definition, attempts, delays } = flaky(3, {
    maxAttempts: 4,
    backoff: exponential,
  });
  await inTime(clock, app.send(definition({})));
  assert.deepEqual(delays(), [100, 200, 400]);
  assert.deepEqual(attempts, [1, 2, 3, 4]);
});

Deno.test("a step whose attempts are used up turns the saga back with the last error", async () => {
  const { app, clock, definition, attempts } = flaky(9, { maxAttempts: 3, backoff: exponential });
  await assert.rejects(
    inTime(clock, app.send(definition({}, { id: "s" }))),
    (error: SagaFailedError) => {
      assert.equal((error.cause as Error).message, "No 3");
      assert.equal(error.outcome.status, "compensated");
      return true;
    },
  );
  assert.deepEqual(attempts, [1, 2, 3]);
});

Deno.test("a step without a retry is tried once", async () => {
  const { app, definition, begun } = flaky(1, { maxAttempts: 1 });
  await assert.rejects(app.send(definition({})), SagaFailedError);
  assert.equal(begun.length, 1);
});

Deno.test("a step is tried again only after the errors that its retry takes", async () => {
  const { app, definition, begun } = flaky(9, { maxAttempts: 5, when: () => false });
  await assert.rejects(app.send(definition({})), SagaFailedError);
  assert.equal(begun.length, 1);
});

Deno.test("each attempt at a step is written before it begins, and each failure", async () => {
  const { app, clock, definition } = flaky(1, { backoff: exponential });
  const items: SagaItem[] = [];
  const reading = async () => {
    for await (const item of app.stream(definition({}, { id: "s" }))) items.push(item);
  };
  await inTime(clock, reading());
  assert.deepEqual(items[1], {
    sagaId: "s",
    number: 4,
    name: "flaky",
    status: "retrying",
    attempt: 1,
    error: "Error: No 1",
  });
  assert.deepEqual((await logOf(app, "s")).slice(2), [
    "act flaky started",
    "act flaky retrying",
    "act flaky started",
    "act flaky completed",
  ]);
});

Deno.test("a retry without a delay goes on at once", async () => {
  const { app, definition, attempts } = flaky(2, { backoff: () => 0 });
  await app.send(definition({}));
  assert.deepEqual(attempts, [1, 2, 3]);
});

/** A saga whose step hangs for some attempts, with a time limit. */
function hanging(hangs: number, more: object = {}) {
  const { clock, options, events } = workshop();
  const lines: string[] = [];
  const signals: AbortSignal[] = [];
  const definition = saga("slow", { version: 1, context: type<object>() })
    .step("first", { act: () => {}, compensate: () => void lines.push("undo first") })
    .step("slow", {
      act: (_data, { signal, attempt, idempotencyKey }) => {
        lines.push(`act ${attempt} ${idempotencyKey}`);
        signals.push(signal);
        if (signals.length > hangs) return { done: true };
        return new Promise<{ done: boolean }>(() => {});
      },
      compensate: ({ done }, { outcome, idempotencyKey }) =>
        void lines.push(`undo slow ${outcome} ${done} ${idempotencyKey}`),
      timeoutMs: 1_000,
      ...more,
    });
  return {
    app: bootstrap(handlers().saga(definition), options),
    clock,
    definition,
    lines,
    signals,
    events,
  };
}

Deno.test("a step that runs out of its time is undone, as nobody knows whether it acted", async () => {
  const { app, clock, definition, lines, signals } = hanging(1);
  await assert.rejects(
    inTime(clock, app.send(definition({}, { id: "s" }))),
    (error: SagaFailedError) => {
      assert.equal((error.cause as Error).name, "TimeoutError");
      assert.deepEqual(error.outcome.steps.map(({ status }) => status), [
        "compensated",
        "compensated",
      ]);
      return true;
    },
  );
  assert.deepEqual(lines, ["act 1 s/slow", "undo slow unknown undefined s/slow", "undo first"]);
  assert.equal(signals[0]?.aborted, true);
  assert.equal((await logOf(app, "s"))[3], "act slow unknown");
});

Deno.test("a step that runs out of its time is tried again under the same key, and undone as completed later", async () => {
  const { app, clock, definition, lines } = hanging(1, {
    retry: { maxAttempts: 2, backoff: () => 10 },
  });
  await inTime(clock, app.send(definition({}, { id: "s" })));
  assert.deepEqual(lines, ["act 1 s/slow", "act 2 s/slow"]);
});

Deno.test("a step that ran out of its time and then throws is undone all the same", async () => {
  const { clock, options } = workshop();
  const lines: string[] = [];
  const definition = saga("slow", { version: 1, context: type<object>() }).step("slow", {
    act: (_data, { attempt }) => {
      if (attempt === 2) throw new Error("No");
      return new Promise<void>(() => {});
    },
    compensate: (_data, { outcome }) => void lines.push(`undo ${outcome}`),
    timeoutMs: 10,
    retry: { maxAttempts: 2, backoff: () => 10 },
  });
  const app = bootstrap(handlers().saga(definition), options);
  await assert.rejects(inTime(clock, app.send(definition({}))), SagaFailedError);
  assert.deepEqual(lines, ["undo unknown"]);
});

Deno.test("what a step does after its time limit counts for nothing", async () => {
  const { clock, options } = workshop();
  const late = Promise.withResolvers<{ late: boolean }>();
  const definition = saga("slow", { version: 1, context: type<object>() })
    .step("slow", { act: () => late.promise, timeoutMs: 10 });
  const app = bootstrap(handlers().saga(definition), options);
  await assert.rejects(inTime(clock, app.send(definition({}, { id: "s" }))), SagaFailedError);
  const before = await logOf(app, "s");
  late.resolve({ late: true });
  await clock.advance(100);
  assert.deepEqual(await logOf(app, "s"), before);
  assert.deepEqual((await app.sagas.get("s"))?.context, {});
});
