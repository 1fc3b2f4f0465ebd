import type { SagaStatistics } from "../mod.ts";
import type { KvDatabase } from "./kv_database.ts";
import { oldestDueMsOf } from "./saga_due.ts";
import type { SagaState } from "./saga_entry.ts";
import type { SagaTable } from "./saga_table.ts";

/** Tells what a database holds of sagas, counting up to `maxCount` of everything. */
export async function countSagas(table: SagaTable, maxCount: number): Promise<SagaStatistics> {
  const { database } = table;
  const count = (state: SagaState) => countState(database, state, maxCount);
  const [running, waiting, compensating, failed, parked, oldestDueMs, late] = await Promise.all([
    count("running"),
    count("waiting"),
    count("compensating"),
    count("failed"),
    count("parked"),
    oldestDueMsOf(table),
    database.kv.get(database.keys.sagaLate),
  ]);
  const lateSignals = Number(Object(late.value).value ?? 0); // a Deno.KvU64
  return { running, waiting, compensating, failed, parked, oldestDueMs, lateSignals };
}

async function countState(
  database: KvDatabase,
  state: SagaState,
  maxCount: number,
): Promise<number> {
  let count = 0;
  const prefix = database.keys.sagasThatAre(state);
  for await (const _ of database.walk({ prefix }, maxCount)) count++;
  return count;
}
