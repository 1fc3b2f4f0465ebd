import type { DenoKvEntry } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { FIRST_VERSION } from "./place.ts";

/** What a relay says of itself. */
export interface RelayRecord {
  /** The topics that it takes, as they are in keys; `null` are all. */
  readonly topics: readonly string[] | null;
  /** How long it lives without another sign of life. */
  readonly leaseMs: number;
  /** Until when it lives, by its own clock. */
  readonly untilMs: number;
}

/** A relay that was found. */
export interface FoundRelay {
  readonly id: string;
  readonly record: RelayRecord;
  readonly versionstamp: string;
}

/** Which relay holds the partitions of a topic, by name; also relays that are gone, which hold nothing. */
export interface FoundLease {
  readonly holders: ReadonlyMap<string, string>;
  readonly versionstamp: string;
}

/** Who is there, and who holds what. */
export interface Hold {
  /** A version of the database that all that is read later is not older than. */
  readonly version: string;
  readonly leases: ReadonlyMap<string, FoundLease>;
  readonly relays: ReadonlyMap<string, FoundRelay>;
}

/**
 * Reads who holds what. A relay is there before it holds anything, and leases are read first: one that
 * holds something and is not found has gone, and will not come back.
 */
export async function readHold(database: KvDatabase): Promise<Hold> {
  const { keys } = database;
  let version = FIRST_VERSION;
  const leases = new Map<string, FoundLease>();
  const relays = new Map<string, FoundRelay>();
  for await (const entry of database.walk({ prefix: keys.hold }, Infinity)) {
    const [kind, name] = entry.key.slice(keys.depth);
    if (kind === "clock") version = entry.versionstamp;
    if (typeof name !== "string") continue;
    if (kind === "lease") leases.set(name, leaseOf(entry));
    if (kind === "relay") relays.set(name, relayOf(name, entry));
  }
  return { version, leases, relays };
}

/** What is stored of who holds the partitions of a topic. */
export function leaseValue(holders: ReadonlyMap<string, string>): unknown {
  return [...holders];
}

function leaseOf({ value, versionstamp }: DenoKvEntry): FoundLease {
  const holders = new Map<string, string>();
  for (const pair of Array.isArray(value) ? value : []) {
    const [name, relay] = Array.isArray(pair) ? pair : [];
    if (typeof name === "string" && typeof relay === "string") holders.set(name, relay);
  }
  return { holders, versionstamp };
}

/** A relay that says nothing that makes sense has died long ago. */
function relayOf(id: string, { value, versionstamp }: DenoKvEntry): FoundRelay {
  const { topics, leaseMs, untilMs } = Object(value);
  const isTopics = topics === null ||
    (Array.isArray(topics) && topics.every((topic) => typeof topic === "string"));
  const isRecord = isTopics && typeof leaseMs === "number" && typeof untilMs === "number";
  const record: RelayRecord = isRecord
    ? { topics, leaseMs, untilMs }
    : { topics: [], leaseMs: 0, untilMs: -Infinity };
  return { id, record, versionstamp };
}
