import assert from "node:assert/strict";
import { bootstrap, circuitBreaker, handlers, timeout, type } from "../../../mod.ts";
import {
  saga,
  type SagaFailedError,
  type StepContext,
  stepFallback,
  type StepFallbackOptions,
} from "../../../src/saga/mod.ts";
import { fail, inTime, logOf, workshop } from "./support.ts";

type Script = (context: { n: number; list: number[] }, step: StepContext) => object | void;

/** A saga whose second step has a fallback. */
function shipping(
  { primary, secondary, last, options = {}, step = {} }: {
    readonly primary: Script;
    readonly secondary?: Script;
    readonly last?: () => void;
    readonly options?: StepFallbackOptions;
    readonly step?: object;
  },
) {
  const shop = workshop();
  const lines: string[] = [];
  const side = (name: string, script?: Script) => ({
    act: (context: object, step: StepContext) => {
      lines.push(`act ${name} ${step.idempotencyKey}`);
      return script?.(context as never, step);
    },
    compensate: (
      _context: object,
      { outcome, idempotencyKey }: StepContext & { outcome: string },
    ) => void lines.push(`undo ${name} ${outcome} ${idempotencyKey}`),
  });
  const definition = saga("order", { version: 1, context: type<{ n: number; list: number[] }>() })
    .step("reserve", side("reserve"))
    .step("ship", stepFallback(side("courier", primary), side("post", secondary), options), step)
    .step("last", last ?? (() => {}));
  const app = bootstrap(handlers().saga(definition), shop.options);
  const send = (id = "s") =>
    inTime(shop.clock, app.send(definition({ n: 1, list: [1] }, { id })).catch((error) => error));
  return { ...shop, app, definition, lines, send };
}

const error = new Error("No courier");

Deno.test("the secondary of a step acts when the primary has thrown, and the saga completes with its result", async () => {
  const { send, lines, app } = shipping({
    primary: fail(error),
    secondary: () => ({ parcel: "post" }),
  });
  const outcome = await send();
  assert.equal(outcome.status, "completed");
  assert.deepEqual(outcome.context, { n: 1, list: [1], parcel: "post" });
  assert.deepEqual(lines, [
    "act reserve s/reserve",
    "act courier s/ship",
    "act post s/ship/secondary",
  ]);
  assert.deepEqual((await logOf(app, "s")).filter((line) => line.includes("ship")), [
    "act ship started",
    "act ship retrying",
    "act ship secondary started",
    "act ship secondary completed",
  ]);
});

Deno.test("stream() of a saga gives one result for a step with a fallback", async () => {
  const { app, definition } = shipping({ primary: fail(error), secondary: () => ({ parcel: 1 }) });
  const seen: string[] = [];
  for await (const { name, status } of app.stream(definition({ n: 1, list: [] }))) {
    seen.push(`${name} ${status}`);
  }
  assert.deepEqual(seen, [
    "reserve completed",
    "ship retrying",
    "ship completed",
    "last completed",
  ]);
});

Deno.test("the secondary of a step gets the context as it was before the primary, and what it returns stays", async () => {
  const seen: unknown[] = [];
  const { send } = shipping({
    primary: (context) => {
      context.n = 99;
      context.list.push(99);
      throw error;
    },
    secondary: (context) => {
      seen.push(structuredClone(context));
      return { n: 5 };
    },
  });
  assert.deepEqual((await send()).context, { n: 5, list: [1] });
  assert.deepEqual(seen, [{ n: 1, list: [1] }]);
});

Deno.test("the secondary of a step does not act when the primary succeeds", async () => {
  const { send, lines } = shipping({ primary: () => ({}) });
  await send();
  assert.deepEqual(lines, ["act reserve s/reserve", "act courier s/ship"]);
});

Deno.test("a saga turns back with the error of the secondary when both have failed, and undoes neither", async () => {
  const second = new Error("No post");
  const { send, lines } = shipping({ primary: fail(error), secondary: fail(second) });
  const thrown: SagaFailedError = await send();
  assert.equal(thrown.cause, second);
  assert.equal(thrown.outcome.status, "compensated");
  assert.deepEqual(lines.slice(3), ["undo reserve completed s/reserve"]);
});

Deno.test("a saga of a fallback that was completed runs nothing when it is sent again", async () => {
  const { send, lines } = shipping({ primary: fail(error), secondary: () => ({}) });
  await send();
  const before = lines.length;
  assert.equal((await send()).status, "completed");
  assert.equal(lines.length, before);
});

Deno.test("the secondary of a step is undone when a later step fails, and not the primary that threw", async () => {
  const { send, lines } = shipping({
    primary: fail(error),
    secondary: () => ({}),
    last: fail(new Error("Last")),
  });
  const thrown: SagaFailedError = await send();
  assert.deepEqual(lines.slice(3), [
    "undo post completed s/ship/secondary",
    "undo reserve completed s/reserve",
  ]);
  assert.deepEqual(thrown.outcome.steps.map(({ status }) => status), [
    "compensated",
    "compensated",
    "failed",
  ]);
});

Deno.test("a primary that ran out of its time is undone before the secondary acts, as nobody knows whether it acted", async () => {
  const { send, lines, app } = shipping({
    primary: () => new Promise<void>(() => {}) as never,
    secondary: () => ({}),
    last: fail(new Error("Last")),
    step: { timeoutMs: 100 },
  });
  await send();
  assert.deepEqual(lines.slice(1), [
    "act courier s/ship",
    "undo courier unknown s/ship",
    "act post s/ship/secondary",
    "undo post completed s/ship/secondary",
    "undo reserve completed s/reserve",
  ]);
  assert.equal((await app.sagas.get("s"))?.status, "compensated");
});

Deno.test("a saga that has undone a primary and whose secondary has acted is completed", async () => {
  const { send, lines, app, storage } = shipping({
    primary: () => new Promise<void>(() => {}) as never,
    secondary: () => ({ post: true }),
    step: { timeoutMs: 100 },
  });
  await send();
  assert.deepEqual(lines.slice(1), [
    "act courier s/ship",
    "undo courier unknown s/ship",
    "act post s/ship/secondary",
  ]);
  const outcome = await app.sagas.get("s");
  assert.equal(outcome?.status, "completed");
  assert.deepEqual(outcome?.steps.map(({ status }) => status), [
    "completed",
    "completed",
    "completed",
  ]);
  const statuses = (await storage.sagas.load("s"))?.log.map(({ action, status, part }) =>
    `${action} ${status} ${part ?? "primary"}`
  );
  assert.deepEqual(statuses?.slice(2, 8), [
    "act started primary",
    "act unknown primary",
    "compensate started primary",
    "compensate completed primary",
    "act started secondary",
    "act completed secondary",
  ]);
});

Deno.test("a saga whose process has died as it undid a primary goes on with that, and then with the secondary", async () => {
  const { definition, lines, app, storage, clock } = shipping({
    primary: () => new Promise<void>(() => {}) as never,
    secondary: () => ({}),
    step: { timeoutMs: 100 },
  });
  const { checkpoint } = storage.sagas;
  const died = Promise.withResolvers<void>();
  storage.sagas.checkpoint = (id, revision, change) => {
    const isDead = change.entries?.some(({ action, status }) =>
      action === "compensate" && status === "completed"
    );
    if (isDead !== true) return checkpoint.call(storage.sagas, id, revision, change);
    died.resolve();
    return new Promise(() => {});
  };
  await app.sagas.start(definition({ n: 1, list: [] }, { id: "s" }));
  await inTime(clock, died.promise);
  storage.sagas.checkpoint = checkpoint;
  const found = await storage.sagas.load("s");
  await storage.sagas.checkpoint("s", found?.record.revision ?? 0, { leaseMs: 0 });
  assert.equal((await app.sagas.recover("s")).status, "completed");
  assert.deepEqual(lines.slice(1), [
    "act courier s/ship",
    "undo courier unknown s/ship",
    "undo courier unknown s/ship",
    "act post s/ship/secondary",
  ]);
});

Deno.test("the secondary of a step acts only after errors that `when` takes", async () => {
  const { send, lines } = shipping({
    primary: fail(error),
    options: { when: (thrown) => thrown !== error },
  });
  const thrown: SagaFailedError = await send();
  assert.equal(thrown.cause, error);
  assert.ok(!lines.some((line) => line.startsWith("act post")));
});

Deno.test("the secondary of a step acts once the attempts of the primary are used up", async () => {
  const { send, lines } = shipping({
    primary: fail(error),
    step: { retry: { maxAttempts: 3, backoff: () => 10 } },
  });
  assert.equal((await send()).status, "completed");
  assert.equal(lines.filter((line) => line.startsWith("act courier")).length, 3);
});

Deno.test("a circuit that is open keeps the primary from being asked, and the secondary acts at once, whatever `retry` and `when` say", async () => {
  const breaker = circuitBreaker({ name: "courier", failureThreshold: 2 });
  const { app, send, lines } = shipping({
    primary: fail(error),
    options: { circuitBreaker: breaker, when: (thrown) => thrown === error },
    step: { retry: { maxAttempts: 2, backoff: () => 10, when: () => true } },
  });
  await send("s1"); // two failures: it is open now
  lines.length = 0;
  assert.equal((await send("s2")).status, "completed");
  const retries = (await logOf(app, "s2")).filter((line) => line === "act ship retrying");
  assert.equal(retries.length, 1); // the secondary is tried, and not the primary
  assert.deepEqual(lines, ["act reserve s2/reserve", "act post s2/ship/secondary"]);
});

Deno.test("an error that `when` does not take does not open the circuit", async () => {
  const breaker = circuitBreaker({ name: "courier", failureThreshold: 1 });
  const { send, lines } = shipping({
    primary: fail(error),
    options: { circuitBreaker: breaker, when: () => false },
  });
  await send("s1");
  await send("s2");
  assert.equal(lines.filter((line) => line.startsWith("act courier")).length, 2);
});

Deno.test("a circuit that is open does not make a primary unknown that was never asked", async () => {
  const breaker = circuitBreaker({ name: "courier", failureThreshold: 1 });
  const { send, lines } = shipping({
    primary: fail(error),
    options: { circuitBreaker: breaker },
    last: fail(new Error("Last")),
  });
  await send("s1");
  lines.length = 0;
  await send("s2");
  assert.ok(!lines.some((line) => line.startsWith("undo courier")));
});

Deno.test("a time limit of a middleware feeds the circuit", async () => {
  const { options, clock } = workshop();
  let asked = 0;
  const breaker = circuitBreaker({ name: "courier", failureThreshold: 1, clock });
  const Order = saga("order", { version: 1, context: type<object>() }).step(
    "ship",
    stepFallback(
      () => {
        asked++;
        return new Promise<void>(() => {});
      },
      () => {},
      { circuitBreaker: breaker },
    ),
  );
  const app = bootstrap(handlers().use(timeout(100, { clock })).saga(Order), options);
  await inTime(clock, app.send(Order({})));
  await inTime(clock, app.send(Order({})));
  assert.equal(asked, 1);
});

Deno.test("a saga whose process has died in its secondary goes on with that, and not with the primary", async () => {
  const begun = Promise.withResolvers<void>();
  const { app, definition, lines, storage } = shipping({
    primary: fail(error),
    secondary: (_context, { attempt }) => {
      if (lines.length > 3) return { attempt };
      begun.resolve();
      return new Promise<object>(() => {}) as never;
    },
  });
  await app.sagas.start(definition({ n: 1, list: [] }, { id: "s" }));
  await begun.promise;
  const found = await storage.sagas.load("s");
  await storage.sagas.checkpoint("s", found?.record.revision ?? 0, { leaseMs: 0 });
  const outcome = await app.sagas.recover("s");
  assert.equal(outcome.status, "completed");
  assert.deepEqual(lines.slice(1), [
    "act courier s/ship",
    "act post s/ship/secondary",
    "act post s/ship/secondary",
  ]);
});

Deno.test("a saga turns back and has failed whose primary, of which nobody knows, could not be undone: its secondary does not act", async () => {
  const { options, clock } = workshop();
  const acted: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step(
      "ship",
      stepFallback({
        act: () => new Promise<void>(() => {}),
        compensate: fail(new Error("Not undone")),
      }, { act: () => void acted.push("post"), compensate: () => {} }),
      { timeoutMs: 100, compensateRetry: { maxAttempts: 1 } },
    )
    .step("last", () => void acted.push("last"));
  const app = bootstrap(handlers().saga(Order), options);
  await assert.rejects(inTime(clock, app.send(Order({}))), (thrown: SagaFailedError) => {
    assert.equal(thrown.outcome.status, "failed");
    assert.deepEqual(thrown.outcome.steps[0], {
      step: "ship",
      status: "compensation_failed",
      error: "Error: Not undone",
    });
    return true;
  });
  assert.deepEqual(acted, []);
});
