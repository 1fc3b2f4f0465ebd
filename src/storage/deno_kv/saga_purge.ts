import { purgeAgeMsOf, purgeLimitOf, type PurgeOptions } from "../mod.ts";
import { MAX_OWN_CHECKS } from "./limits.ts";
import { forgottenSaga } from "./saga_entry.ts";
import type { FoundSaga, SagaTable } from "./saga_table.ts";
import { addWrites, partsOf, type Unit } from "./writes.ts";

/** Deletes sagas that have been over for so long, the oldest first. Resolves to how many that were. */
export async function purgeSagas(table: SagaTable, options: PurgeOptions): Promise<number> {
  const { database } = table;
  const { keys, clock } = database;
  const limit = purgeLimitOf(options);
  const latestMs = clock.now() - purgeAgeMsOf(options);
  const range = { prefix: keys.sagasOver, end: keys.sagasOverFrom(latestMs + 1) };
  let count = 0;
  let part: string[] = [];
  const isOld = ({ saga }: FoundSaga) => isOver(saga) && saga.updatedAtMs <= latestMs;
  const purge = async () => {
    const found = (await table.read(part)).filter((each) => each !== undefined);
    count += await purgeSome(table, found.filter(isOld));
    part = [];
  };
  for await (const { key } of database.walk(range, Infinity)) {
    const [atMs, id] = key.slice(-2);
    if (!(Number(atMs) <= latestMs)) continue;
    part.push(String(id));
    if (part.length < Math.min(MAX_OWN_CHECKS, limit - count)) continue;
    await purge();
    if (count === limit) return count;
  }
  if (part.length > 0) await purge();
  return count;
}

function isOver({ status }: FoundSaga["saga"]): boolean {
  return status === "completed" || status === "compensated";
}

/** Deletes sagas, unless they were changed since they were read. */
async function purgeSome(table: SagaTable, found: readonly FoundSaga[]): Promise<number> {
  if (found.length === 0) return 0;
  if (await purgeTogether(table, found)) return found.length;
  if (found.length === 1) return 0; // it is not as old any more
  let count = 0;
  for (const each of found) count += await purgeSome(table, [each]);
  return count;
}

/**
 * Deletes sagas, each of them at last, so that none is lost to the next purge if this one breaks off in
 * the middle of what is too much for one commit.
 */
async function purgeTogether(table: SagaTable, found: readonly FoundSaga[]): Promise<boolean> {
  const { database } = table;
  const { kv, keys } = database;
  const parts = await Promise.all(found.map(({ id }) => partsOfSaga(table, id)));
  const sagas: Unit = found.flatMap(({ id, saga }) => forgottenSaga(keys, id, saga));
  for (const writes of partsOf([...parts.flat(), sagas])) {
    const operation = kv.atomic();
    for (const { id, versionstamp } of found) {
      operation.check({ key: keys.saga(id), versionstamp });
    }
    addWrites(operation, writes);
    if (await database.commit(operation) === undefined) return false;
  }
  return true;
}

/** What is deleted of what belongs to a saga. */
async function partsOfSaga({ database }: SagaTable, id: string): Promise<Unit[]> {
  const units: Unit[] = [];
  for await (const { key } of database.walk({ prefix: database.keys.saga(id) }, Infinity)) {
    units.push([{ key: key as Unit[number]["key"] }]);
  }
  return units;
}
