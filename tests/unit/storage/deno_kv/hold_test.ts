import assert from "node:assert/strict";
import { leaseValue, readHold } from "../../../../src/storage/deno_kv/hold.ts";
import { FIRST_VERSION } from "../../../../src/storage/deno_kv/place.ts";
import { countingKv, databaseOf, KEYS, steppedClock } from "./support.ts";

Deno.test("readHold() of a database that is empty finds nothing", async () => {
  using counting = await countingKv();
  const hold = await readHold(databaseOf(counting.kv, steppedClock()));
  assert.equal(hold.version, FIRST_VERSION);
  assert.equal(hold.leases.size + hold.relays.size, 0);
});

Deno.test("readHold() finds relays, what they hold, and a version, with one list", async () => {
  using counting = await countingKv();
  const { raw } = counting;
  const record = { topics: ["t"], leaseMs: 1, untilMs: 2 };
  const relay = await raw.set([...KEYS.relay("a")], record);
  const lease = await raw.set([...KEYS.lease("t")], leaseValue(new Map([["t\0" + "3", "a"]])));
  const clock = await raw.set([...KEYS.clock], 0);
  await raw.set([...KEYS.hold, "other", "kind"], 0);
  const hold = await readHold(databaseOf(counting.kv, steppedClock()));
  assert.equal(hold.version, clock.versionstamp);
  const { versionstamp } = relay;
  assert.deepEqual([...hold.relays], [["a", { id: "a", record, versionstamp }]]);
  assert.deepEqual(hold.leases.get("t")?.holders, new Map([["t\0" + "3", "a"]]));
  assert.equal(hold.leases.get("t")?.versionstamp, lease.versionstamp);
  assert.equal(counting.calls.lists.length, 1);
});

Deno.test("readHold() takes a relay that makes no sense for dead, and a lease for free", async () => {
  using counting = await countingKv();
  const { raw } = counting;
  for (const [n, value] of [null, 7, {}, { topics: 7, leaseMs: 1, untilMs: Infinity }].entries()) {
    await raw.set([...KEYS.relay(`${n}`)], value);
    await raw.set([...KEYS.lease(`${n}`)], n === 0 ? [7, [1, 2], ["a"]] : value);
  }
  const hold = await readHold(databaseOf(counting.kv, steppedClock()));
  assert.equal(hold.relays.size, 4);
  for (const { record } of hold.relays.values()) assert.equal(record.untilMs, -Infinity);
  for (const { holders } of hold.leases.values()) assert.equal(holders.size, 0);
});
