import { LeaseLostError } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { Fence } from "../../../../src/storage/deno_kv/fence.ts";
import { countingKv, databaseOf, KEYS, steppedClock } from "./support.ts";

const LEASE_MS = 16_000;
const KEY = [...KEYS.relay("me")];

async function open() {
  const counting = await countingKv();
  const clock = steppedClock();
  const database = databaseOf(counting.kv, clock);
  return {
    ...counting,
    counting,
    clock,
    fence: new Fence(database, "me", { topics: null, leaseMs: LEASE_MS }),
  };
}

Deno.test("Fence registers with its first commit, and says until when it lives", async () => {
  using opened = await open();
  const { fence, raw, clock } = opened;
  assert.equal(fence.isRegistered, false);
  assert.equal(await fence.commit((operation) => operation.set(["a"], 1)), true);
  assert.equal(fence.isRegistered, true);
  assert.deepEqual((await raw.get(KEY)).value, {
    topics: null,
    leaseMs: LEASE_MS,
    untilMs: clock.now() + LEASE_MS + 1_000,
  });
  assert.equal((await raw.get(["a"])).value, 1);
});

Deno.test("Fence gives a sign of life only when the one before gets old, or it is told to", async () => {
  using opened = await open();
  const { fence, raw, clock, calls } = opened;
  const signs = () => calls.commits.filter(({ sets }) => sets.length > 0).length;
  await fence.commit(() => {});
  await clock.advance(1_000);
  assert.equal(fence.isDue, false);
  await fence.commit(() => {});
  assert.equal(signs(), 1);
  await clock.advance(1);
  assert.equal(fence.isDue, true);
  await fence.commit(() => {});
  assert.equal(signs(), 2);
  await fence.commit(() => {}, { renews: true });
  assert.equal(signs(), 3);
  assert.equal(Object((await raw.get(KEY)).value).untilMs, clock.now() + 17_000);
});

Deno.test("Fence writes nothing once its key is deleted", async () => {
  using opened = await open();
  const { fence, raw } = opened;
  await fence.commit(() => {});
  await raw.delete(KEY);
  for (const options of [{}, { renews: true }, { ends: true }]) {
    const commit = fence.commit((operation) => operation.set(["a"], 1), options);
    await assert.rejects(commit, LeaseLostError);
  }
  assert.equal((await raw.get(["a"])).value, null);
  assert.equal((await raw.get(KEY)).value, null);
});

Deno.test("Fence tells a check of its caller that failed from a lost lease", async () => {
  using opened = await open();
  const { fence, raw } = opened;
  await raw.set(["a"], 1);
  const claim = () =>
    fence.commit((operation) => operation.check({ key: ["a"], versionstamp: null }).set(["a"], 2));
  assert.equal(await claim(), false); // also before it is registered
  assert.equal(fence.isRegistered, false);
  await fence.commit(() => {});
  assert.equal(await claim(), false);
  assert.equal((await raw.get(["a"])).value, 1);
  assert.equal(await fence.commit((operation) => operation.set(["b"], 1)), true);
});

Deno.test("Fence goes on after a commit that was done and reported as failed", async () => {
  using opened = await open();
  const { fence, raw, counting, calls } = opened;
  await fence.commit(() => {});
  let isFirst = true;
  counting.onCommit = async (_, go) => {
    const result = await go();
    if (!isFirst) return result;
    isFirst = false;
    return { ok: false }; // the network has sent it twice
  };
  assert.equal(await fence.commit((operation) => operation.set(["a"], 1), { renews: true }), true);
  assert.equal((await raw.get(["a"])).value, 1);
  assert.equal(await fence.commit((operation) => operation.set(["b"], 1)), true);
  assert.equal(calls.commits.length, 4);
});

Deno.test("Fence ends with a commit that deletes its key", async () => {
  using opened = await open();
  const { fence, raw } = opened;
  await fence.commit(() => {});
  await fence.commit((operation) => operation.set(["a"], 1), { ends: true });
  assert.equal((await raw.get(KEY)).value, null);
  assert.equal((await raw.get(["a"])).value, 1);
  await assert.rejects(fence.commit((operation) => operation.set(["a"], 2)), LeaseLostError);
});

Deno.test("Fence throws what the database throws", async () => {
  using opened = await open();
  opened.counting.onCommit = () => Promise.reject(new Error("No network"));
  await assert.rejects(opened.fence.commit(() => {}), /No network/);
});
