import { type ListedSaga, type SagaFilter, sagaListNumbersOf, type SagaStatus } from "../mod.ts";
import { keyText, type SagaPlace } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { MAX_GET_MANY } from "./limits.ts";
import {
  comparePlaces,
  recordOf,
  SAGA_STATES,
  type SagaEntry,
  type SagaState,
} from "./saga_entry.ts";
import type { FoundSaga, SagaTable } from "./saga_table.ts";
import { readText } from "./saga_text.ts";

/** A saga as the index of those that stand as it does tells of it. */
interface PlacedSaga {
  readonly place: SagaPlace;
  readonly id: string;
  readonly definition: string;
}

/** Lists sagas, the one that was started first at the front. */
export async function listSagas(
  table: SagaTable,
  filter: SagaFilter,
): Promise<readonly ListedSaga[]> {
  const { limit, minAgeMs } = sagaListNumbersOf(filter);
  const { database } = table;
  const latestMs = database.clock.now() - minAgeMs;
  const definition = filter.name === undefined ? undefined : await keyText(filter.name);
  const isListed = (saga: SagaEntry) => saga.createdAtMs <= latestMs && fits(saga, filter);
  const listed: ListedSaga[] = [];
  let part: string[] = [];
  const read = async () => {
    const found = (await table.read(part)).filter((each) => each !== undefined);
    const fitting = found.filter(({ saga }) => isListed(saga));
    const all = await Promise.all(fitting.map((each) => listedOf(database, each)));
    listed.push(...all.filter((each) => each !== undefined));
    part = [];
  };
  for await (const saga of placedSagas(database, filter, limit)) {
    if (saga.place[0] > latestMs) break;
    if (definition !== undefined && saga.definition !== definition) continue;
    part.push(saga.id);
    if (part.length < Math.min(MAX_GET_MANY, limit - listed.length)) continue;
    await read();
    if (listed.length === limit) break;
  }
  if (part.length > 0) await read();
  return listed;
}

/** The states that sagas can be in which a filter lets through. */
function statesOf({ status, isParked }: SagaFilter): readonly SagaState[] {
  if (isParked === true) return ["parked"];
  const states = status === undefined ? SAGA_STATES : [status].flat();
  if (isParked === false) return states.filter((state) => state !== "parked");
  return [...new Set<SagaState>([...states, "parked"])];
}

function fits(saga: SagaEntry, { name, status, isParked }: SagaFilter): boolean {
  const statuses: readonly SagaStatus[] | undefined = status && [status].flat();
  return (name === undefined || saga.name === name) &&
    statuses?.includes(saga.status) !== false &&
    (isParked === undefined || (saga.parkedReason !== undefined) === isParked);
}

async function listedOf(
  database: KvDatabase,
  { id, saga }: FoundSaga,
): Promise<ListedSaga | undefined> {
  const context = await readText(database, id, "context", saga.context);
  if (context === undefined) return undefined;
  const record = recordOf(saga, context, database.clock.now());
  return { ...record, position: saga.place.join(SEPARATOR) };
}

/** The sagas of several states in the order of their places, of which `limit` are needed or more. */
async function* placedSagas(
  database: KvDatabase,
  filter: SagaFilter,
  limit: number,
): AsyncGenerator<PlacedSaga, void, undefined> {
  const from = placeOf(filter.after);
  const lists = statesOf(filter).map((state) => placedIn(database, state, { from, limit }));
  const fronts = await Promise.all(lists.map((list) => list.next()));
  try {
    let last: string | undefined;
    for (;;) {
      const n = firstOf(fronts);
      const front = fronts[n];
      if (front === undefined || front.done === true) return;
      // It may have been found in one state, and then in the next one.
      if (front.value.id !== last) yield front.value;
      last = front.value.id;
      fronts[n] = await (lists[n] as typeof lists[number]).next();
    }
  } finally {
    await Promise.all(lists.map((list) => list.return()));
  }
}

async function* placedIn(
  database: KvDatabase,
  state: SagaState,
  { from, limit }: { readonly from: SagaPlace | undefined; readonly limit: number },
): AsyncGenerator<PlacedSaga, void, undefined> {
  const { keys } = database;
  const prefix = keys.sagasThatAre(state);
  const range = from === undefined
    ? { prefix }
    : { prefix, start: keys.sagasStartedFrom(state, from[0], from[1]) };
  for await (const { key } of database.walk(range, Infinity, limit + 1)) {
    const [startedMs, order, id, definition] = key.slice(-4);
    const place: SagaPlace = [Number(startedMs), Number(order)];
    if (from !== undefined && comparePlaces(place, from) <= 0) continue;
    yield { place, id: String(id), definition: String(definition) };
  }
}

/** Which of several lists goes on with the saga that was started first. */
function firstOf(fronts: ReadonlyArray<IteratorResult<PlacedSaga, void>>): number {
  let first = -1;
  let best: SagaPlace | undefined;
  for (const [n, { done, value }] of fronts.entries()) {
    if (done === true || value === undefined) continue;
    if (best !== undefined && comparePlaces(value.place, best) >= 0) continue;
    first = n;
    best = value.place;
  }
  return first;
}

const SEPARATOR = "/";

/** The place that a position tells; `undefined` is before all. */
function placeOf(position: string | undefined): SagaPlace | undefined {
  const [startedMs, order] = position?.split(SEPARATOR).map(Number) ?? [];
  const isPlace = Number.isFinite(startedMs) && Number.isFinite(order);
  return isPlace ? [startedMs as number, order as number] : undefined;
}
