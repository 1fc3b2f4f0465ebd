import type { FoundRelay, Hold } from "./hold.ts";
import { type Pair, pairNamed } from "./keys.ts";

/** A partition that a session holds. */
export interface Holding {
  readonly pair: Pair;
  /** Whether the session has rows of it. */
  readonly isBusy: boolean;
}

/** What there is to share. */
export interface Sharing {
  /** The id of the relay that asks. */
  readonly self: string;
  /** Who holds what; no relay that has died is in it. */
  readonly hold: Hold;
  /** Those with something to read, of topics that the relay takes. */
  readonly active: ReadonlyMap<string, Pair>;
  /** What it holds. */
  readonly held: readonly Holding[];
  /** What it takes, as other relays have it in their records. */
  readonly topics: readonly string[] | null;
}

/** What a relay is to do so that it has its share, and no more. */
export interface ShareChange {
  /** What it is to take: nobody holds it, and there is something to read. */
  readonly taken: readonly Pair[];
  /** What it is to let go as soon as it has no row of it, by name. */
  readonly left: ReadonlySet<string>;
}

interface Group {
  readonly relays: number;
  readonly pairs: Map<string, Pair>;
}

/**
 * Shares partitions that have something to read or are held, evenly among all relays that take their
 * topic. Topics that the same relays take are shared together, so that many topics with one lane each
 * are spread as well; others apart, as those who do not wait for each other must not count for each
 * other.
 */
export function shareOf(sharing: Sharing): ShareChange {
  const { self, hold, held } = sharing;
  const heldByName = new Map(held.map((holding) => [holding.pair.name, holding]));
  const taken: Pair[] = [];
  const left = new Set<string>();
  for (const { relays, pairs } of groupsOf(sharing)) {
    const share = Math.ceil(pairs.size / relays);
    const own = [...pairs.keys()].flatMap((name) => heldByName.get(name) ?? []);
    const free = [...pairs.values()].filter((pair) => {
      const holder = holderOf(hold, pair);
      return (holder === undefined || holder === self) && !heldByName.has(pair.name);
    });
    taken.push(...free.slice(0, Math.max(0, share - own.length)));
    for (const { pair } of byUse(own, sharing).slice(share)) left.add(pair.name);
  }
  return { taken, left };
}

/** The relay that holds a partition, unless it has gone. */
export function holderOf({ leases, relays }: Hold, { topic, name }: Pair): string | undefined {
  const holder = leases.get(topic)?.holders.get(name);
  return holder !== undefined && relays.has(holder) ? holder : undefined;
}

/**
 * What a relay keeps rather than let go: that of which it has rows, as it cannot let that go yet; then
 * every other one that has something to read, so that others have their part of the work too.
 */
function byUse(own: readonly Holding[], { active }: Sharing): Holding[] {
  const busy = own.filter(({ isBusy }) => isBusy);
  const idle = own.filter(({ isBusy }) => !isBusy);
  const full = idle.filter(({ pair }) => active.has(pair.name));
  const empty = idle.filter(({ pair }) => !active.has(pair.name));
  const even = (_: Holding, n: number) => n % 2 === 0;
  const odd = (_: Holding, n: number) => n % 2 === 1;
  return [...busy, ...full.filter(even), ...empty, ...full.filter(odd)];
}

function groupsOf({ self, hold, active, held, topics }: Sharing): Iterable<Group> {
  const others = [...hold.relays.values()].filter(({ id }) => id !== self);
  const groups = new Map<string, Group>();
  const all = new Map(active);
  for (const { pair } of held) all.set(pair.name, pair);
  for (const [topic, { holders }] of hold.leases) {
    if (topics !== null && !topics.includes(topic)) continue;
    for (const pair of [...holders.keys()].map(pairNamed)) {
      if (holderOf(hold, pair) !== undefined) all.set(pair.name, pair);
    }
  }
  for (const [name, pair] of all) {
    const takers = others.filter((other) => takes(other, pair.topic)).map(({ id }) => id);
    const group = groups.get(takers.join()) ?? { relays: takers.length + 1, pairs: new Map() };
    groups.set(takers.join(), group);
    group.pairs.set(name, pair);
  }
  return groups.values();
}

function takes({ record: { topics } }: FoundRelay, topic: string): boolean {
  return topics === null || topics.includes(topic);
}
