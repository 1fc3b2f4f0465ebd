import assert from "node:assert/strict";
import { type Overrun, withDeadline } from "../../../src/resilience/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { settled } from "../mediator/support.ts";

Deno.test("withDeadline() waits for what postpone gives, and has no limit any more when that resolves", async () => {
  const clock = new ManualClock();
  const work = Promise.withResolvers<string>();
  const commit = Promise.withResolvers<void>();
  let signal: AbortSignal | undefined;
  const answer = withDeadline(100, (given) => {
    signal = given;
    return work.promise;
  }, { clock, postpone: () => commit.promise });
  await clock.advance(100);
  commit.resolve();
  await clock.advance(1_000);
  assert.equal(signal?.aborted, false);
  work.resolve("done");
  assert.equal(await answer, "done");
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("withDeadline() rejects when what postpone gave rejects and the work goes on", async () => {
  const clock = new ManualClock();
  const commit = Promise.withResolvers<void>();
  let postponed: Promise<void> | undefined = commit.promise;
  const answer = withDeadline(100, () => new Promise(() => {}), {
    clock,
    postpone: () => postponed,
  });
  const rejected = assert.rejects(answer, { name: "TimeoutError" });
  await clock.advance(100);
  postponed = undefined;
  commit.reject(new Error("Conflict"));
  await clock.advance(0);
  await rejected;
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("withDeadline() rejects as the work does when that ends together with what postpone gave", async () => {
  const clock = new ManualClock();
  const work = Promise.withResolvers<never>();
  const overruns: Overrun[] = [];
  const answer = withDeadline(100, async () => await work.promise, {
    clock,
    postpone: () => work.promise,
    onOverrun: (overrun) => overruns.push(overrun),
  });
  const rejected = assert.rejects(answer, { message: "Conflict" });
  await clock.advance(100);
  work.reject(new Error("Conflict"));
  await clock.advance(0);
  await rejected;
  assert.deepEqual(overruns, []);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("withDeadline() asks again after each promise that postpone gave and that rejected", async () => {
  const clock = new ManualClock();
  const commits = [1, 2].map(() => Promise.withResolvers<void>());
  let asked = 0;
  const answer = withDeadline(100, () => new Promise(() => {}), {
    clock,
    postpone: () => commits[asked++]?.promise,
  });
  const rejected = assert.rejects(answer, { name: "TimeoutError" });
  await clock.advance(100);
  for (const { reject } of commits) {
    reject(new Error("Conflict"));
    await clock.advance(0);
  }
  await rejected;
  assert.equal(asked, 3);
});

Deno.test("withDeadline() obeys an abort of the caller at once, whatever postpone gives", async () => {
  const clock = new ManualClock();
  const caller = new AbortController();
  const reason = new Error("The caller has left");
  const answer = withDeadline(100, () => new Promise(() => {}), {
    clock,
    signal: caller.signal,
    postpone: () => new Promise(() => {}),
  });
  const rejected = assert.rejects(answer, reason);
  await settled();
  caller.abort(reason);
  await rejected;
});
