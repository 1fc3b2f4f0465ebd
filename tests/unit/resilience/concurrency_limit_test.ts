import fc from "fast-check";
import assert from "node:assert/strict";
import { concurrencyLimit } from "../../../src/resilience/concurrency_limit.ts";
import { countingSignal } from "./counting_signal.ts";

/** Calls under a limit of `max` that run until they are told to end. */
function calls(max: number) {
  const limit = concurrencyLimit(max);
  const started: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<string>>();
  return {
    started,
    begin(name: string, signal?: AbortSignal): Promise<string> {
      return limit.run(() => {
        started.push(name);
        const gate = Promise.withResolvers<string>();
        gates.set(name, gate);
        return gate.promise;
      }, { signal });
    },
    end: (name: string) => gates.get(name)?.resolve(name),
    fail: (name: string) => gates.get(name)?.reject(new Error(name)),
  };
}

/** Lets all promise reactions that are queued run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("concurrencyLimit() returns what the work returns", async () => {
  assert.equal(await concurrencyLimit(1).run(() => Promise.resolve("done")), "done");
});

Deno.test("concurrencyLimit() starts work synchronously while there is room", async () => {
  const { begin, started, end } = calls(2);
  const running = [begin("a"), begin("b"), begin("c")];
  assert.deepEqual(started, ["a", "b"]);
  end("a");
  await settle();
  assert.deepEqual(started, ["a", "b", "c"]);
  end("b");
  end("c");
  assert.deepEqual(await Promise.all(running), ["a", "b", "c"]);
});

Deno.test("concurrencyLimit() starts waiting work in the order of the calls", async () => {
  const { begin, started, end } = calls(1);
  const names = ["a", "b", "c", "d"];
  const running = names.map((name) => begin(name));
  for (const name of names) {
    assert.equal(started.at(-1), name);
    end(name);
    await settle();
  }
  await Promise.all(running);
});

Deno.test("concurrencyLimit() lets nobody overtake between the end of one and the start of the next", async () => {
  const { begin, started, end } = calls(1);
  const running = [begin("a"), begin("b")];
  end("a");
  await running[0];
  running.push(begin("c"));
  await settle();
  assert.deepEqual(started, ["a", "b"]);
  end("b");
  await settle();
  end("c");
  await Promise.all(running);
});

for (
  const [description, run] of [
    ["rejects", () => Promise.reject(new Error("Failure"))],
    ["throws", () => {
      throw new Error("Failure");
    }],
  ] as const
) {
  Deno.test(`concurrencyLimit() rethrows the error of work that ${description} and makes room`, async () => {
    const limit = concurrencyLimit(1);
    await assert.rejects(limit.run(run), { message: "Failure" });
    assert.equal(await limit.run(() => "next"), "next");
  });
}

Deno.test("concurrencyLimit() admits the next after work that failed", async () => {
  const { begin, started, fail, end } = calls(1);
  const failing = begin("a");
  const next = begin("b");
  fail("a");
  await assert.rejects(failing, { message: "a" });
  assert.deepEqual(started, ["a", "b"]);
  end("b");
  await next;
});

Deno.test("concurrencyLimit() rejects at once a waiting call whose signal aborts, and skips it", async () => {
  const { begin, started, end } = calls(1);
  const controller = new AbortController();
  const first = begin("a");
  const second = begin("b", controller.signal);
  const third = begin("c");
  controller.abort("Enough");
  await assert.rejects(second, (error) => error === "Enough");
  end("a");
  await first;
  await settle();
  assert.deepEqual(started, ["a", "c"]);
  end("c");
  await third;
});

Deno.test("concurrencyLimit() makes room again when all that waited have left", async () => {
  const { begin, end } = calls(1);
  const controller = new AbortController();
  const first = begin("a");
  const others = ["b", "c", "d"].map((name) => begin(name, controller.signal));
  controller.abort();
  await Promise.allSettled(others);
  end("a");
  await first;
  const last = begin("e");
  end("e");
  assert.equal(await last, "e");
});

Deno.test("concurrencyLimit() passes the turn on when the signal aborts just as it comes", async () => {
  const { begin, started, end } = calls(1);
  const controller = new AbortController();
  const first = begin("a");
  const second = begin("b", controller.signal);
  const third = begin("c");
  end("a");
  // One reaction later the turn of "b" has come, but its work has not been called.
  const rejected = assert.rejects(second, (error) => error === "Enough");
  queueMicrotask(() => controller.abort("Enough"));
  await first;
  await rejected;
  await settle();
  assert.deepEqual(started, ["a", "c"]);
  end("c");
  await third;
});

Deno.test("concurrencyLimit() does not start work whose signal has aborted", async () => {
  const limit = concurrencyLimit(1);
  const signal = AbortSignal.abort("Enough");
  const result = limit.run(() => assert.fail("It started"), { signal });
  await assert.rejects(result, (error) => error === "Enough");
  assert.equal(await limit.run(() => "next"), "next");
});

Deno.test("concurrencyLimit() rejects at once a call whose signal has aborted while others run", async () => {
  const { begin, end } = calls(1);
  const first = begin("a");
  const second = begin("b", AbortSignal.abort("Enough"));
  await assert.rejects(second, (error) => error === "Enough");
  end("a");
  await first;
});

Deno.test("concurrencyLimit() leaves no listener on a signal that did not abort", async () => {
  const { begin, end } = calls(1);
  const { signal, listeners } = countingSignal(new AbortController().signal);
  const running = [begin("a", signal), begin("b", signal)];
  assert.equal(listeners(), 1);
  end("a");
  await settle();
  assert.equal(listeners(), 0);
  end("b");
  await Promise.all(running);
});

Deno.test("concurrencyLimit() starts everything at once at Infinity", async () => {
  const { begin, started, end } = calls(Infinity);
  const names = Array.from({ length: 100 }, (_, index) => `${index}`);
  const running = names.map((name) => begin(name));
  assert.equal(started.length, 100);
  names.forEach(end);
  await Promise.all(running);
});

for (const max of [0, -1, 1.5, NaN]) {
  Deno.test(`concurrencyLimit() refuses ${max}`, () => {
    assert.throws(() => concurrencyLimit(max), {
      name: "RangeError",
      message:
        `Cannot create the concurrency limit: max must be a positive integer or Infinity, got ${max}`,
    });
  });
}

Deno.test("concurrencyLimit() keeps limit and order whatever begins, ends and aborts", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("begin" as const) }),
    fc.record({ kind: fc.constant("end" as const), index: fc.nat() }),
    fc.record({ kind: fc.constant("abort" as const), index: fc.nat() }),
  );
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.array(step, { maxLength: 60 }),
    async (max, steps) => {
      const { begin, started, end } = calls(max);
      const controllers = new Map<string, AbortController>();
      const outcomes: Array<Promise<unknown>> = [];
      const running: string[] = [];
      const waiting: string[] = [];
      const expected: string[] = [];
      for (const [position, step] of steps.entries()) {
        if (step.kind === "begin") {
          const controller = new AbortController();
          controllers.set(`${position}`, controller);
          outcomes.push(begin(`${position}`, controller.signal).catch(() => {}));
          waiting.push(`${position}`);
        } else {
          const group = step.kind === "end" ? running : waiting;
          const [name] = group.splice(step.index % Math.max(1, group.length), 1);
          if (name === undefined) continue;
          if (step.kind === "end") end(name);
          else controllers.get(name)?.abort();
        }
        while (running.length < max && waiting.length > 0) {
          running.push(...waiting.splice(0, 1));
          expected.push(...running.slice(-1));
        }
        await settle();
        assert.deepEqual(started, expected);
      }
      controllers.forEach((controller) => controller.abort());
      running.forEach(end);
      await Promise.all(outcomes);
    },
  ));
});
