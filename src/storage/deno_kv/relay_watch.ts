import type { FoundRelay } from "./hold.ts";

/**
 * Tells which relays have died: their time is over by the clock of this process, or they gave no sign
 * of life for as long as this process has looked. So a clock that is wrong in one process makes others
 * take over too early, or wait for longer; what a relay may still write does not depend on clocks.
 */
export class RelayWatch {
  readonly #seen: Map<string, { readonly versionstamp: string; readonly sinceMs: number }> =
    new Map();

  /** Whether a relay has died. */
  isDead({ id, record: { leaseMs, untilMs }, versionstamp }: FoundRelay, nowMs: number): boolean {
    const seen = this.#seen.get(id);
    if (seen?.versionstamp !== versionstamp) this.#seen.set(id, { versionstamp, sinceMs: nowMs });
    const silentMs = seen?.versionstamp === versionstamp ? nowMs - seen.sinceMs : 0;
    return nowMs > untilMs || silentMs > leaseMs * LEASE_AND_GRACE;
  }

  /** Forgets relays that are not there any more. */
  keepOnly(relays: ReadonlyMap<string, FoundRelay>): void {
    for (const id of this.#seen.keys()) {
      if (!relays.has(id)) this.#seen.delete(id);
    }
  }
}

/**
 * A relay writes its sign of life only when the one before is older than this part of its lease, and
 * is given as much more time; so every call counts as a sign, and few of them write.
 */
export const GRACE = 1 / 16;

const LEASE_AND_GRACE = 1 + GRACE;
