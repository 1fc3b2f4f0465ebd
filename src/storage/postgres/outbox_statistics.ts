import { maxCountOf, type OutboxStatistics, type OutboxStatisticsOptions } from "../mod.ts";
import type { PostgresQuery } from "./client.ts";
import type { PostgresNames } from "./names.ts";

/** Tells what the outbox holds, however large it is. */
export async function outboxStatistics(
  query: PostgresQuery,
  names: PostgresNames,
  options: OutboxStatisticsOptions,
): Promise<OutboxStatistics> {
  const maxCount = maxCountOf(options);
  const limit = maxCount === Infinity ? null : String(maxCount);
  const [row] = await query(statisticsSql(names), [limit]);
  const ageMs = row?.age ?? undefined;
  return {
    pending: Math.min(Number(row?.queued) + Number(row?.waiting), maxCount),
    oldestAgeMs: ageMs === undefined ? undefined : Math.max(0, Number(ageMs)),
    waitingKeys: Number(row?.blocked),
    parkedKeys: Number(row?.parked),
    deadLetters: Number(row?.dead),
  };
}

/**
 * The oldest message of the queue is one of the first in each partition, which are found without a
 * look at the others.
 */
function statisticsSql({ table }: PostgresNames): string {
  const queue = table("outbox");
  const waiting = table("outbox_waiting");
  const dead = table("outbox_dead");
  const count = (rows: string) => `(select count(*)::text from (${rows} limit $1::text::bigint) r)`;
  return `with recursive first as (
  (select topic, partition, stored_at from ${queue} order by topic, partition, position limit 1)
  union all
  select n.* from first f cross join lateral (
    select o.topic, o.partition, o.stored_at from ${queue} o
    where (o.topic, o.partition) > (f.topic, f.partition)
    order by o.topic, o.partition, o.position limit 1) n)
select ${count(`select 1 from ${queue}`)} as queued,
  ${count(`select 1 from ${waiting}`)} as waiting,
  ${count(`select 1 from ${dead}`)} as dead,
  ${
    count(`select 1 from ${table("outbox_lane")} l
    where l.retry_at > statement_timestamp() and l.lane like '=%' and not exists (
      select from ${dead} d where d.topic = l.topic and d.lane = l.lane and d.parks)`)
  } as blocked,
  ${count(`select distinct topic, lane from ${dead} where parks`)} as parked,
  (extract(epoch from clock_timestamp() - least(
    (select min(stored_at) from first),
    (select min(stored_at) from ${waiting}))) * 1000)::text as age`;
}
