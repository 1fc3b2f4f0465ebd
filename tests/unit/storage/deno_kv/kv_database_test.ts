import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { countingKv, databaseOf, steppedClock } from "./support.ts";

const LOCKED = new TypeError("database is locked");

Deno.test("commit() tries again while the file is locked, after delays of the clock", async () => {
  using counting = await countingKv();
  const clock = new ManualClock();
  let failures = 5;
  counting.onCommit = (_, go) => failures-- > 0 ? Promise.reject(LOCKED) : go();
  const operation = counting.kv.atomic().set(["a"], 1);
  let isDone = false;
  const commit = databaseOf(counting.kv, clock).commit(operation).then((versionstamp) => {
    isDone = true;
    return versionstamp;
  });
  while (!isDone) {
    await clock.advance(1);
  }
  assert.equal((await counting.raw.get(["a"])).versionstamp, await commit);
  assert.equal(counting.calls.commits.length, 6);
});

Deno.test("commit() gives up in the end, and throws what the database has thrown", async () => {
  using counting = await countingKv();
  const clock = {
    ...steppedClock(),
    setTimer: (callback: () => void) => {
      queueMicrotask(callback);
      return () => {};
    },
  };
  counting.onCommit = () => Promise.reject(LOCKED);
  const commit = databaseOf(counting.kv, clock).commit(counting.kv.atomic().set(["a"], 1));
  assert.equal(await commit.catch((error) => error), LOCKED);
  assert.ok(counting.calls.commits.length > 100);
});

Deno.test("commit() tries nothing else again, and tells of a check that failed", async () => {
  using counting = await countingKv();
  const { kv } = counting;
  const database = databaseOf(kv, steppedClock());
  const check = { key: ["a"], versionstamp: "00000000000000010000" };
  assert.equal(await database.commit(kv.atomic().check(check).set(["a"], 1)), undefined);
  counting.onCommit = () => Promise.reject(new Error("No network"));
  await assert.rejects(database.commit(kv.atomic().set(["a"], 1)), /No network/);
  assert.equal(counting.calls.commits.length, 2);
});

Deno.test("list() gives up to as many entries as it is told, all of one point in time", async () => {
  using counting = await countingKv();
  const database = databaseOf(counting.kv, steppedClock());
  for (let n = 0; n < 7; n++) await counting.raw.set(["n", n], n);
  const valuesOf = async (limit: number) =>
    (await database.list({ prefix: ["n"] }, limit)).map(({ value }) => value);
  assert.deepEqual(await valuesOf(3), [0, 1, 2]);
  assert.deepEqual(await valuesOf(1_000), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(await valuesOf(Infinity), [0, 1, 2, 3, 4, 5, 6]);
});
