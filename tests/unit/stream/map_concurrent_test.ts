import assert from "node:assert/strict";
import fc from "fast-check";
import { mapConcurrent } from "../../../src/stream/mod.ts";
import { turns } from "./turns.ts";

/** Calls that settle when a test says so. */
function calls<R = string>() {
  const started: string[] = [];
  const signals: AbortSignal[] = [];
  const results = new Map<string, PromiseWithResolvers<R>>();
  const waiting = new Set<() => void>();
  return {
    started,
    signals,
    run(item: string, signal: AbortSignal): Promise<R> {
      const result = Promise.withResolvers<R>();
      started.push(item);
      signals.push(signal);
      results.set(item, result);
      for (const look of waiting) look();
      return result.promise;
    },
    resolve: (item: string, result: R) => results.get(item)?.resolve(result),
    reject: (item: string, error: unknown) => results.get(item)?.reject(error),
    /** Resolves as soon as `count` calls have started. */
    hasStarted: (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (started.length >= count) resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

/** A generator of letters that notices what is asked of it. */
function letters(count = 26) {
  const seen = { asked: 0, ended: false };
  async function* generate() {
    try {
      while (seen.asked < count) {
        yield await Promise.resolve(String.fromCharCode(97 + seen.asked++));
      }
    } finally {
      seen.ended = true;
    }
  }
  return { seen, source: generate() };
}

Deno.test("mapConcurrent() gives the results in the order of the items", async () => {
  const delays = fc.array(fc.nat({ max: 20 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(delays, fc.integer({ min: 1, max: 6 }), async (delays, concurrency) => {
      let inFlight = 0;
      let most = 0;
      const results = mapConcurrent(delays.entries(), concurrency, async ([index, delay]) => {
        most = Math.max(most, ++inFlight);
        for (let turn = 0; turn < delay; turn++) await undefined;
        inFlight--;
        return index;
      });
      assert.deepEqual(await Array.fromAsync(results), [...delays.keys()]);
      assert.ok(most <= concurrency);
    }),
  );
});

Deno.test("mapConcurrent() has as many calls in flight as it may", async () => {
  const { started, run, resolve, hasStarted } = calls();
  const results = mapConcurrent(letters().source, 3, run);
  const first = results.next();
  await hasStarted(3);
  await turns();
  assert.deepEqual(started, ["a", "b", "c"]);
  resolve("a", "A");
  assert.deepEqual(await first, { done: false, value: "A" });
  const second = results.next();
  await hasStarted(4);
  for (const item of ["b", "c", "d"]) resolve(item, item);
  await second;
  await results.return?.();
});

Deno.test("mapConcurrent() starts nothing before the first next()", async () => {
  const { seen, source } = letters();
  const { started, run } = calls();
  const results = mapConcurrent(source, 2, run);
  await turns();
  assert.deepEqual(started, []);
  assert.equal(seen.asked, 0);
  await results.return?.();
});

Deno.test("mapConcurrent() starts nothing more while its results are not taken", async () => {
  const { started, run, resolve, hasStarted } = calls();
  const results = mapConcurrent(letters().source, 2, run);
  const first = results.next();
  await hasStarted(2);
  resolve("a", "A");
  resolve("b", "B");
  await first;
  await turns();
  assert.deepEqual(started, ["a", "b"]);
  await results.return?.();
});

Deno.test("mapConcurrent() gives a result before the source has its next item", async () => {
  const more = Promise.withResolvers<void>();
  async function* source() {
    yield 1;
    await more.promise;
    yield 2;
  }
  const results = mapConcurrent(source(), 4, (item) => item * 10);
  assert.deepEqual(await results.next(), { done: false, value: 10 });
  more.resolve();
  assert.deepEqual(await results.next(), { done: false, value: 20 });
  assert.deepEqual(await results.next(), { done: true, value: undefined });
});

Deno.test("mapConcurrent() runs one call after the other with concurrency 1", async () => {
  const log: string[] = [];
  const results = mapConcurrent(["a", "b"], 1, async (item) => {
    log.push(`start ${item}`);
    await turns();
    log.push(`end ${item}`);
  });
  await Array.fromAsync(results);
  assert.deepEqual(log, ["start a", "end a", "start b", "end b"]);
});

for (
  const [name, fail] of [
    ["rejects", () => Promise.reject(new Error("c failed"))],
    ["throws", () => {
      throw new Error("c failed");
    }],
  ] as const
) {
  Deno.test(`mapConcurrent() gives the results before a call that ${name}, then its error`, async () => {
    const results = mapConcurrent(
      ["a", "b", "c", "d"],
      4,
      (item): string | Promise<string> => item === "c" ? fail() : item,
    );
    assert.deepEqual(await results.next(), { done: false, value: "a" });
    assert.deepEqual(await results.next(), { done: false, value: "b" });
    await assert.rejects(results.next(), /c failed/);
    assert.deepEqual(await results.next(), { done: true, value: undefined });
  });
}

Deno.test("mapConcurrent() asks for nothing more after a call has failed", async () => {
  const { started, run, resolve, reject, hasStarted } = calls();
  const { seen, source } = letters();
  const results = mapConcurrent(source, 3, run);
  const first = results.next();
  await hasStarted(3);
  reject("b", new Error("b failed"));
  await turns();
  resolve("a", "A");
  await first;
  resolve("c", "C");
  await assert.rejects(results.next(), /b failed/);
  assert.deepEqual(started, ["a", "b", "c"]);
  assert.deepEqual(seen, { asked: 3, ended: true });
});

Deno.test("mapConcurrent() aborts the calls in flight and waits for them before it throws", async () => {
  const { signals, run, resolve, reject, hasStarted } = calls();
  const results = mapConcurrent(letters().source, 2, run);
  const failed = results.next();
  let thrown = false;
  failed.catch(() => thrown = true);
  await hasStarted(2);
  const failure = new Error("a failed");
  reject("a", failure);
  await turns();
  assert.equal(signals[1]?.aborted, true);
  assert.equal(signals[1]?.reason, failure);
  assert.equal(thrown, false);
  resolve("b", "B");
  await assert.rejects(failed, (error) => error === failure);
});

Deno.test("mapConcurrent() gives the results before an error of the source, then the error", async () => {
  async function* source() {
    yield "a";
    throw await Promise.resolve(new Error("source failed"));
  }
  const { run, resolve, hasStarted } = calls();
  const results = mapConcurrent(source(), 3, run);
  const first = results.next();
  await hasStarted(1);
  await turns();
  resolve("a", "A");
  assert.deepEqual(await first, { done: false, value: "A" });
  await assert.rejects(results.next(), /source failed/);
});

Deno.test("mapConcurrent() asks for nothing more after the source has failed", async () => {
  let asked = 0;
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        asked++;
        return Promise.reject(new Error("source failed"));
      },
    }),
  };
  await assert.rejects(mapConcurrent(source, 3, (item) => item).next(), /source failed/);
  assert.equal(asked, 1);
});

Deno.test("mapConcurrent() ends the source, aborts and waits when its loop is left early", async () => {
  const { seen, source } = letters();
  let settled = 0;
  const results = mapConcurrent(source, 3, async (item, signal) => {
    if (item === "a") {
      await turns();
      return item;
    }
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await turns();
    settled++;
    return item;
  });
  for await (const item of results) {
    assert.equal(item, "a");
    break;
  }
  assert.equal(seen.ended, true);
  assert.equal(settled, 2);
});

Deno.test("mapConcurrent() stops at once when it is left while a next() is pending", async () => {
  const { seen, source } = letters();
  const { signals, run, resolve, hasStarted } = calls();
  const results = mapConcurrent(source, 2, run);
  const pending = results.next();
  await hasStarted(2);
  const left = results.return?.();
  assert.deepEqual(signals.map((signal) => signal.aborted), [true, true]);
  await turns();
  assert.equal(seen.ended, true);
  resolve("a", "A");
  resolve("b", "B");
  assert.deepEqual(await pending, { done: true, value: undefined });
  assert.deepEqual(await left, { done: true, value: undefined });
});

/** Gives one item at once, and the second only when a test says so, even after a return(). */
function slow() {
  const second = Promise.withResolvers<IteratorResult<string, void>>();
  const asked = { next: 0, return: 0 };
  const source: AsyncIterable<string, void> = {
    [Symbol.asyncIterator]: () => ({
      next: () => asked.next++ ? second.promise : Promise.resolve({ done: false, value: "a" }),
      return() {
        asked.return++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return { asked, source, second };
}

Deno.test("mapConcurrent() waits for an item that it asked for and starts no call for it", async () => {
  const { asked, source, second } = slow();
  const started: string[] = [];
  const results = mapConcurrent(source, 2, (item) => started.push(item));
  await results.next();
  await turns();
  let isLeft = false;
  const left = results.return?.().then(() => isLeft = true);
  await turns();
  assert.deepEqual(asked, { next: 2, return: 1 });
  assert.equal(isLeft, false);
  second.resolve({ done: false, value: "b" });
  await left;
  assert.deepEqual(started, ["a"]);
});

Deno.test("mapConcurrent() rejects its return() with an error of the source, after the calls", async () => {
  async function* source() {
    try {
      yield 1;
      yield 2;
      yield 3;
    } finally {
      await Promise.reject(new Error("cleanup failed"));
    }
  }
  let settled = false;
  const results = mapConcurrent(source(), 2, async (item) => {
    if (item === 2) {
      await turns();
      settled = true;
    }
  });
  await results.next();
  await assert.rejects(async () => await results.return?.(), /cleanup failed/);
  assert.equal(settled, true);
});

Deno.test("mapConcurrent() returns a synchronous iterator when it is left early", async () => {
  let ended = false;
  function* source() {
    try {
      while (true) yield 1;
    } finally {
      ended = true;
    }
  }
  for await (const _ of mapConcurrent(source(), 2, (item) => item)) break;
  assert.equal(ended, true);
});

Deno.test("mapConcurrent() throws the reason of its signal after the calls in flight have settled", async () => {
  const { seen, source } = letters();
  const { signals, run, reject, hasStarted } = calls();
  const stop = new AbortController();
  const results = mapConcurrent(source, 2, run, { signal: stop.signal });
  const pending = results.next();
  let thrown = false;
  pending.catch(() => thrown = true);
  await hasStarted(2);
  const reason = new Error("stop");
  stop.abort(reason);
  assert.deepEqual(signals.map((signal) => signal.reason), [reason, reason]);
  await turns();
  assert.equal(seen.ended, true);
  assert.equal(thrown, false);
  reject("a", reason);
  reject("b", new Error("other"));
  await assert.rejects(pending, (error) => error === reason);
});

Deno.test("mapConcurrent() ends the source at once when its signal aborts between results", async () => {
  const { seen, source } = letters();
  const stop = new AbortController();
  const results = mapConcurrent(source, 2, (item) => item, { signal: stop.signal });
  await results.next();
  await turns();
  stop.abort(new Error("stop"));
  await turns();
  assert.equal(seen.ended, true);
  await assert.rejects(results.next(), /stop/);
});

Deno.test("mapConcurrent() asks for nothing when its signal has aborted before", async () => {
  const { seen, source } = letters();
  const results = mapConcurrent(source, 2, (item) => item, {
    signal: AbortSignal.abort(new Error("stop")),
  });
  await assert.rejects(results.next(), /stop/);
  assert.equal(seen.asked, 0);
});

Deno.test("mapConcurrent() lets go of its signal when it has ended", async () => {
  const stop = new AbortController();
  let callSignal: AbortSignal | undefined;
  const results = mapConcurrent([1], 1, (_, signal) => callSignal = signal, {
    signal: stop.signal,
  });
  await Array.fromAsync(results);
  stop.abort();
  assert.equal(callSignal?.aborted, false);
});

for (const concurrency of [0, -1, 1.5, NaN, Infinity]) {
  Deno.test(`mapConcurrent() refuses concurrency ${concurrency}`, () => {
    assert.throws(() => mapConcurrent([], concurrency, () => {}), RangeError);
  });
}
