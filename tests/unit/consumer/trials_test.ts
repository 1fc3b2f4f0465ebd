import assert from "node:assert/strict";
import { Trials } from "../../../src/consumer/trials.ts";

function begin(trials: Trials, isLast: boolean) {
  const end = Promise.withResolvers<void>();
  const state = { isRunning: false, end: end.resolve };
  const done = trials.run(async () => {
    state.isRunning = true;
    await end.promise;
  }, { isLast });
  return Object.assign(state, { done });
}

const turns = async () => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

Deno.test("Trials lets several run that have another chance", async () => {
  const trials = new Trials();
  const all = [begin(trials, false), begin(trials, false)];
  await turns();
  assert.deepEqual(all.map(({ isRunning }) => isRunning), [true, true]);
});

Deno.test("Trials lets one with its last chance run alone, when those before it have ended", async () => {
  const trials = new Trials();
  const first = begin(trials, false);
  const last = begin(trials, true);
  const other = begin(trials, true);
  await turns();
  assert.deepEqual([last.isRunning, other.isRunning], [false, false]);
  first.end();
  await first.done;
  await turns();
  assert.deepEqual([last.isRunning, other.isRunning], [true, false]);
  const late = begin(trials, false);
  await turns();
  assert.equal(late.isRunning, false);
  last.end();
  await last.done;
  await turns();
  assert.equal(late.isRunning || other.isRunning, true);
  assert.equal(late.isRunning && other.isRunning, false);
});

Deno.test("Trials lets nothing begin while one waits for its last chance", async () => {
  const trials = new Trials();
  const first = begin(trials, false);
  const last = begin(trials, true);
  const late = begin(trials, false);
  await turns();
  assert.deepEqual([first.isRunning, last.isRunning, late.isRunning], [true, false, false]);
  first.end();
  await turns();
  assert.deepEqual([last.isRunning, late.isRunning], [true, false]);
  last.end();
  await turns();
  assert.equal(late.isRunning, true);
});

Deno.test("Trials goes on after work that fails", async () => {
  const trials = new Trials();
  await assert.rejects(trials.run(() => Promise.reject(new Error("No")), { isLast: true }), /No/);
  assert.equal(await trials.run(() => Promise.resolve(7), { isLast: true }), 7);
});
