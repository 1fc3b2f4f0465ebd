import { type DeadLetter, type DeadLetterFilter, type DeadLetters, listLimitOf } from "../mod.ts";
import type { PostgresQuery, PostgresRow } from "./client.ts";
import { bodyColumns } from "./body_columns.ts";
import { brokenEnvelopeOf, envelopeOf } from "./envelope_columns.ts";
import type { PostgresNames } from "./names.ts";
import { arrayLiteral, storable } from "./statement.ts";
import type { WakeUps } from "./wake_ups.ts";

/** What the dead letters of an outbox on Postgres work with. */
export interface PostgresDeadLettersParts {
  readonly query: PostgresQuery;
  readonly names: PostgresNames;
  readonly wakeUps: WakeUps;
}

/**
 * The messages of an outbox on Postgres that were given up. Whatever changes what a lane has to give
 * counts a change of it, for a session that is about to end the lane; see {@linkcode SettleStatements}.
 */
export class PostgresDeadLetters implements DeadLetters {
  readonly #query: PostgresQuery;
  readonly #names: PostgresNames;
  readonly #wakeUps: WakeUps;

  constructor({ query, names, wakeUps }: PostgresDeadLettersParts) {
    this.#query = query;
    this.#names = names;
    this.#wakeUps = wakeUps;
  }

  async list(filter: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    const limit = listLimitOf(filter);
    const { topic, after } = filter;
    const rows = await this.#query(listSql(this.#names), [
      String(limit),
      topic === undefined ? null : storable(topic),
      after === undefined ? null : storable(after),
    ]);
    return rows.map(letterOf);
  }

  async requeue(ids: readonly string[]): Promise<number> {
    return await this.#act(requeueSql(this.#names), ids);
  }

  async discard(ids: readonly string[]): Promise<number> {
    return await this.#act(discardSql(this.#names), ids);
  }

  async #act(text: string, ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const [row] = await this.#query(text, [arrayLiteral(ids.map(storable))]);
    const count = Number(row?.count);
    if (count > 0) this.#wakeUps.wake();
    return count;
  }
}

function listSql({ table }: PostgresNames): string {
  const dead = table("outbox_dead");
  return `with last as materialized (
  select died_at, position from ${dead} where id = $3::text
  order by died_at desc, position desc limit 1)
select topic, key, id, type, attributes::text as attributes, ${bodyColumns("d")}, attempts, error,
  (extract(epoch from died_at) * 1000)::text as died
from ${dead} d
where (died_at, position) > (
    coalesce((select died_at from last), '-infinity'), coalesce((select position from last), 0))
  and ($2::text is null or topic = $2::text)
order by died_at, position limit $1::text::integer`;
}

function requeueSql({ table }: PostgresNames): string {
  const message =
    "topic, lane, position, partition, key, id, type, attributes, body, body_text, stored_at";
  return `with gone as (
  delete from ${table("outbox_dead")} where id = any ($1::text::text[]) returning *),
lanes as (
  insert into ${table("outbox_lane")} as l (topic, lane, partition, retry_at)
  select distinct on (topic, lane) topic, lane, partition, statement_timestamp() from gone
  order by topic, lane
  on conflict (topic, lane) do update
  set retry_at = excluded.retry_at, changes = l.changes + 1),
back as (
  insert into ${table("outbox_waiting")} (${message}, attempts)
  select ${message}, 0 from gone)
select count(*)::integer as count from gone`;
}

function discardSql({ table }: PostgresNames): string {
  return `with gone as (
  delete from ${table("outbox_dead")} where id = any ($1::text::text[])
  returning topic, lane, parks),
lanes as (
  update ${table("outbox_lane")} l
  set retry_at = coalesce(l.retry_at, statement_timestamp()), changes = l.changes + 1
  from (select distinct topic, lane from gone where parks) g
  where l.topic = g.topic and l.lane = g.lane)
select count(*)::integer as count from gone`;
}

function letterOf(row: PostgresRow): DeadLetter {
  return {
    envelope: readable(String(row.topic), row),
    attempts: Number(row.attempts),
    error: String(row.error),
    diedAt: new Date(Number(row.died)),
  };
}

/** A message may be here because nobody can read it. */
function readable(topic: string, row: PostgresRow) {
  try {
    return envelopeOf(topic, row);
  } catch {
    return brokenEnvelopeOf(topic, row);
  }
}
