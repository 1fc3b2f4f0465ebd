import { sagaBackoffMs, type SagaClaimNumbers, type SagaSnapshot } from "../mod.ts";
import { keyText } from "./keys.ts";
import { MAX_OWN_CHECKS } from "./limits.ts";
import { claimedSaga, comparePlaces, dueAtMsOf, type SagaEntry } from "./saga_entry.ts";
import type { SagaTable, SagaTarget, WholeSaga } from "./saga_table.ts";

/** A saga that is due, since when. */
interface DueSaga extends WholeSaga {
  readonly dueMs: number;
}

/** Where a saga stands among those that may be due. */
interface IndexedSaga {
  readonly indexedMs: number;
  readonly id: string;
  readonly definition: string;
}

/** Which sagas are looked for. */
interface DueSearch {
  readonly nowMs: number;
  /** How many are needed, as far as is known. */
  readonly limit: number;
  /** Those of these definitions, as they are in keys; of all, if left out. */
  readonly definitions?: ReadonlySet<string>;
}

/** Claims sagas whose time has come, the one that was due first at the front. */
export async function claimDueSagas(
  table: SagaTable,
  { names, owner, ...numbers }: SagaClaimNumbers & {
    readonly names: readonly string[];
    readonly owner: string;
  },
): Promise<readonly SagaSnapshot[]> {
  const { leaseMs, limit, idleMs } = numbers;
  const nowMs = table.database.clock.now();
  const isClaimable = (saga: SagaEntry) =>
    dueAtMsOf(saga) <= nowMs && saga.updatedAtMs <= nowMs - idleMs && names.includes(saga.name);
  const definitions = new Set(await Promise.all(names.map(keyText)));
  const claimed: SagaSnapshot[] = [];
  for await (const some of dueSagas(table, { nowMs, limit, definitions })) {
    const due = some.filter(({ saga }) => isClaimable(saga)).slice(0, limit - claimed.length);
    const targets = due.map((known) => ({ id: known.id, known }));
    const written = await table.change(targets, ({ saga }) => {
      if (!isClaimable(saga)) return undefined; // another was faster
      const next = claimedSaga(saga, owner, nowMs + leaseMs);
      const notBeforeMs = next.untilMs + sagaBackoffMs(next.attempts, numbers);
      return { next: { ...next, notBeforeMs } };
    });
    const snapshots = await Promise.all(
      written.map((found, n) => found && table.snapshot(found, due[n])),
    );
    claimed.push(...snapshots.filter((snapshot) => snapshot !== undefined));
    if (claimed.length >= limit) break;
  }
  return claimed;
}

/** For how long the saga that is due the longest has been so; `undefined` if none is. */
export async function oldestDueMsOf(table: SagaTable): Promise<number | undefined> {
  const nowMs = table.database.clock.now();
  for await (const [first] of dueSagas(table, { nowMs, limit: 1 })) {
    if (first !== undefined) return nowMs - first.dueMs;
  }
  return undefined;
}

/**
 * Finds the sagas that are due, a few at a time, in the order of the times since when they are. An index
 * may tell an earlier time than that: then the saga comes later; or if it is not due, the index is put
 * right, so that the next look does not find it again.
 */
async function* dueSagas(
  table: SagaTable,
  search: DueSearch,
): AsyncGenerator<readonly DueSaga[], void, undefined> {
  const { nowMs } = search;
  let found: DueSaga[] = [];
  for await (const part of indexedSagas(table, search)) {
    const early: SagaTarget[] = [];
    for (const known of await Promise.all(part.map(({ id }) => table.readWhole(id)))) {
      if (known === undefined) continue;
      const dueMs = dueAtMsOf(known.saga);
      if (dueMs <= nowMs) found.push({ ...known, dueMs });
      else early.push({ id: known.id, known });
    }
    await table.change(early, ({ saga }) => ({ next: saga }));
    found.sort((a, b) => a.dueMs - b.dueMs || comparePlaces(a.saga.place, b.saga.place));
    const reachedMs = part.at(-1)?.indexedMs ?? nowMs;
    const ready = found.filter(({ dueMs }) => dueMs <= reachedMs);
    found = found.slice(ready.length);
    if (ready.length > 0) yield ready;
  }
  if (found.length > 0) yield found;
}

/** Lists the sagas that may be due, as many at a time as are written at once. */
async function* indexedSagas(
  { database }: SagaTable,
  { nowMs, limit, definitions }: DueSearch,
): AsyncGenerator<readonly IndexedSaga[], void, undefined> {
  const { keys } = database;
  const range = { prefix: keys.sagasDue, end: keys.sagasDueFrom(nowMs + 1) };
  const atOnce = Math.max(limit, MAX_OWN_CHECKS);
  let part: IndexedSaga[] = [];
  for await (const { key } of database.walk(range, Infinity, atOnce)) {
    const [indexedMs, id, definition] = key.slice(-3);
    if (definitions?.has(String(definition)) === false || !(Number(indexedMs) <= nowMs)) continue;
    part.push({ indexedMs: Number(indexedMs), id: String(id), definition: String(definition) });
    if (part.length < MAX_OWN_CHECKS) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
