import assert from "node:assert/strict";
import { RelayWatch } from "../../../../src/storage/deno_kv/relay_watch.ts";

const LEASE_MS = 16_000;

/** A relay that has given its sign of life at a time of its own clock. */
function relayAt(aliveMs: number, versionstamp = String(aliveMs), id = "relay") {
  const untilMs = aliveMs + LEASE_MS * 17 / 16;
  return { id, record: { topics: null, leaseMs: LEASE_MS, untilMs }, versionstamp };
}

Deno.test("RelayWatch takes a relay for dead when its time is over", () => {
  const watch = new RelayWatch();
  assert.equal(watch.isDead(relayAt(0), 17_000), false);
  assert.equal(watch.isDead(relayAt(0), 17_001), true);
  assert.equal(new RelayWatch().isDead(relayAt(0), 17_001), true); // also at first sight
});

Deno.test("RelayWatch takes a relay for dead that was silent for its lease, whatever its clock says", () => {
  const watch = new RelayWatch();
  const ahead = relayAt(3_600_000);
  assert.equal(watch.isDead(ahead, 0), false);
  assert.equal(watch.isDead(ahead, 17_000), false);
  assert.equal(watch.isDead(ahead, 17_001), true);
});

Deno.test("RelayWatch sees that a relay has given a sign of life", () => {
  const watch = new RelayWatch();
  assert.equal(watch.isDead(relayAt(3_600_000, "1"), 0), false);
  assert.equal(watch.isDead(relayAt(3_600_000, "2"), 17_000), false);
  assert.equal(watch.isDead(relayAt(3_600_000, "2"), 34_000), false);
  assert.equal(watch.isDead(relayAt(3_600_000, "2"), 34_001), true);
});

Deno.test("RelayWatch begins anew with a relay that was gone", () => {
  const watch = new RelayWatch();
  watch.isDead(relayAt(3_600_000), 0);
  watch.keepOnly(new Map([["other", relayAt(0, "1", "other")]]));
  assert.equal(watch.isDead(relayAt(3_600_000), 17_001), false);
  watch.keepOnly(new Map([["relay", relayAt(3_600_000)]]));
  assert.equal(watch.isDead(relayAt(3_600_000), 34_002), true);
});
