import fc from "fast-check";
import assert from "node:assert/strict";
import type { FoundLease, FoundRelay, Hold } from "../../../../src/storage/deno_kv/hold.ts";
import { type Pair, pairOf } from "../../../../src/storage/deno_kv/keys.ts";
import { holderOf, shareOf } from "../../../../src/storage/deno_kv/shares.ts";

type Held = Readonly<Record<string, readonly Pair[]>>;

/** A database in which relays hold partitions. */
function holdOf(held: Held, topics: Readonly<Record<string, readonly string[] | null>> = {}): Hold {
  const leases = new Map<string, FoundLease>();
  for (const [relay, pairs] of Object.entries(held)) {
    for (const { topic, name } of pairs) {
      const { holders = [] } = leases.get(topic) ?? {};
      leases.set(topic, { holders: new Map([...holders, [name, relay]]), versionstamp: "1" });
    }
  }
  const relays = new Map<string, FoundRelay>();
  for (const id of new Set([...Object.keys(held), ...Object.keys(topics)])) {
    if (id === "gone") continue;
    const record = { topics: topics[id] ?? null, leaseMs: 1, untilMs: 1 };
    relays.set(id, { id, record, versionstamp: "1" });
  }
  return { version: "1", leases, relays };
}

/** The partitions of a topic with these numbers. */
function pairs(topic: string, ...numbers: number[]): Pair[] {
  return numbers.map((n) => pairOf(topic, n));
}

/** Asks what a relay is to do. */
function share(
  hold: Hold,
  active: readonly Pair[],
  { self = "self", held = [], busy = [], topics = null }: {
    readonly self?: string;
    readonly held?: readonly Pair[];
    readonly busy?: readonly Pair[];
    readonly topics?: readonly string[] | null;
  } = {},
) {
  const { taken, left } = shareOf({
    self,
    hold,
    active: new Map(active.map((pair) => [pair.name, pair])),
    held: held.map((pair) => ({ pair, isBusy: busy.includes(pair) })),
    topics,
  });
  return { taken: taken.map(({ name }) => name), left: [...left] };
}

const names = (all: readonly Pair[]) => all.map(({ name }) => name);
const [P0, P1, P2, P3] = pairs("t", 0, 1, 2, 3) as [Pair, Pair, Pair, Pair];
const ALL = [P0, P1, P2, P3];

Deno.test("shareOf() takes all that is free for a relay that is alone", () => {
  assert.deepEqual(share(holdOf({}), ALL), { taken: names(ALL), left: [] });
});

Deno.test("shareOf() takes no more than its share, and nothing that others hold", () => {
  const hold = holdOf({ other: [P0, P1] });
  assert.deepEqual(share(hold, ALL), { taken: names([P2, P3]), left: [] });
  assert.deepEqual(share(hold, [P0, P1]), { taken: [], left: [] });
  assert.equal(share(holdOf({ a: [], b: [] }), ALL).taken.length, 2); // a third, made whole
});

Deno.test("shareOf() takes what a relay held that has gone", () => {
  assert.deepEqual(share(holdOf({ gone: ALL }), ALL).taken, names(ALL));
  assert.equal(holderOf(holdOf({ gone: ALL }), P0), undefined);
  assert.equal(holderOf(holdOf({ other: ALL }), P0), "other");
});

Deno.test("shareOf() takes again what is its own and what it does not know of", () => {
  assert.deepEqual(share(holdOf({ self: [P0] }), [P0]).taken, names([P0]));
});

Deno.test("shareOf() lets go of what is more than its share", () => {
  const hold = holdOf({ self: ALL, other: [] });
  const { taken, left } = share(hold, ALL, { held: ALL });
  assert.deepEqual(taken, []);
  assert.equal(left.length, 2);
});

Deno.test("shareOf() keeps what it has rows of, and leaves others a part of what is to be read", () => {
  const hold = holdOf({ self: ALL, other: [] });
  const busy = share(hold, ALL, { held: ALL, busy: [P1, P3] });
  assert.deepEqual(busy.left.sort(), names([P0, P2]));
  const idle = share(hold, [P0, P1], { held: ALL });
  assert.equal(idle.left.length, 2);
  assert.equal(idle.left.filter((name) => names([P0, P1]).includes(name)).length, 1);
});

Deno.test("shareOf() counts for a topic only the relays that take it", () => {
  const hold = holdOf({}, { other: ["others"], both: ["t", "others"] });
  assert.equal(share(hold, ALL).taken.length, 2);
  assert.equal(share(hold, pairs("alone", 0, 1, 2)).taken.length, 3);
  assert.equal(share(hold, pairs("others", 0, 1, 2)).taken.length, 1);
});

Deno.test("shareOf() shares topics together that the same relays take", () => {
  const active = ["a", "b", "c", "d"].flatMap((topic) => pairs(topic, 0));
  assert.equal(share(holdOf({ other: [] }), active).taken.length, 2);
  const hold = holdOf({ other: [] }, { other: ["a", "b", "c", "d"] });
  assert.equal(share(hold, active).taken.length, 2);
});

Deno.test("shareOf() counts what others hold of topics that it takes, and of no others", () => {
  const hold = holdOf({ other: [P2, P3, ...pairs("x", 0, 1, 2, 3)] });
  assert.equal(share(hold, [P0, P1], { topics: ["t"] }).taken.length, 2);
  assert.equal(share(holdOf({ other: [] }), [P0, P1], { topics: ["t"] }).taken.length, 1);
});

Deno.test("shareOf() leaves nothing without a relay, and lets relays come to rest", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 5 }),
    fc.uniqueArray(fc.nat(15), { minLength: 1 }),
    fc.array(fc.nat(4), { maxLength: 16 }),
    (count, numbers, owners) => {
      const relays = Array.from({ length: count }, (_, n) => `relay ${n}`);
      const active = pairs("t", ...numbers);
      const held: Record<string, Pair[]> = Object.fromEntries(relays.map((id) => [id, []]));
      for (const [n, pair] of active.entries()) {
        const owner = owners[n];
        if (owner !== undefined) held[relays[owner % count] ?? ""]?.push(pair);
      }
      for (let round = 0; round < 4; round++) {
        for (const self of relays) {
          const own = held[self] ?? [];
          const { taken, left } = share(holdOf(held), active, { self, held: own });
          held[self] = own.filter(({ name }) => !left.includes(name))
            .concat(active.filter(({ name }) => taken.includes(name)));
        }
      }
      const all = Object.values(held).flat();
      assert.equal(all.length, active.length);
      assert.equal(new Set(all).size, active.length);
      const most = Math.max(...Object.values(held).map(({ length }) => length));
      assert.ok(most <= Math.ceil(active.length / count));
    },
  ));
});
