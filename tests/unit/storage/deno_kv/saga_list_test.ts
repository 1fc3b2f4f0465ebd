import assert from "node:assert/strict";
import { type DenoKv, denoKvStorage } from "../../../../src/storage/deno_kv/mod.ts";
import type { SagaStatus } from "../../../../src/storage/mod.ts";
import { openStorage, sagaOf } from "./support.ts";

const LEASE = { owner: "a", leaseMs: 30_000 };

Deno.test("list() gives sagas of one millisecond in the order of their starts, wherever they stand", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  const statuses: SagaStatus[] = ["failed", "running", "completed", "waiting", "compensated"];
  for (const [n, status] of statuses.entries()) {
    await sagas.create(sagaOf(`${9 - n}`, { status }), LEASE);
  }
  await sagas.checkpoint("8", 1, { leaseMs: 0, parkedReason: "why" });
  const all = await sagas.list();
  assert.deepEqual(all.map(({ id }) => id), ["9", "8", "7", "6", "5"]);
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const [next] = await sagas.list({ limit: 1, after });
    if (next !== undefined) ids.push(next.id);
    after = next?.position;
  } while (after !== undefined);
  assert.deepEqual(ids, ["9", "8", "7", "6", "5"]);
});

Deno.test("list() of a status reads no sagas that stand otherwise, and finds those that are parked", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  for (let n = 0; n < 30; n++) await sagas.create(sagaOf(`${n}`, { status: "completed" }), LEASE);
  for (const id of ["a", "b"]) await sagas.create(sagaOf(id), LEASE);
  await sagas.checkpoint("a", 1, { leaseMs: 0, parkedReason: "why" });
  opened.reset();
  const idsOf = async (filter: Parameters<typeof sagas.list>[0]) =>
    (await sagas.list(filter)).map(({ id }) => id);
  assert.deepEqual(await idsOf({ status: "running" }), ["a", "b"]);
  assert.deepEqual(await idsOf({ status: "running", isParked: true }), ["a"]);
  assert.deepEqual(await idsOf({ isParked: false, status: ["running", "failed"] }), ["b"]);
  assert.equal(opened.calls.gets, 3);
});

Deno.test("list() begins at the front behind what is no position", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  assert.equal((await sagas.list({ after: "nonsense" })).length, 1);
});

Deno.test("list() gives a saga once that goes from one state to the next while they are listed", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  await sagas.create(sagaOf("1"), LEASE);
  const end = async () => await sagas.checkpoint("1", 1, { status: "failed", leaseMs: 0 });
  const kv: DenoKv = {
    ...opened.kv,
    async *list(selector, options) {
      if ("prefix" in selector && selector.prefix.includes("failed")) await end();
      yield* opened.kv.list(selector, options);
    },
  };
  const { sagas: listing } = denoKvStorage(kv, { clock: opened.clock });
  assert.deepEqual((await listing.list()).map(({ id, status }) => [id, status]), [["1", "failed"]]);
});
