import type { PostgresNames } from "./names.ts";
import { logColumn, sagaColumns, SIGNAL_COLUMNS } from "./saga_rows.ts";
import { NOW } from "./saga_sql.ts";

/** The texts of the statements of sagas that are always the same. */
export interface SagaStatements {
  /** Id: the saga and its log. */
  readonly load: string;
  /** Id, owner, lease: the saga and its log, and whether these do not belong together. */
  readonly claim: string;
  /**
   * Owner, lease, names, limit, how long they were not written, backoff and its limit in milliseconds:
   * as `claim`.
   */
  readonly claimDue: string;
  /** Ids, revisions, lease, half of that: the sagas that were kept. */
  readonly keep: string;
  /** Saga, id, name, data or null: a row if there is the saga, whether it has ended. */
  readonly signal: string;
  /** Id: its mailbox. */
  readonly signals: string;
  /** How far to count. */
  readonly statistics: string;
  /** Age, limit. */
  readonly purge: string;
}

/** Makes the texts. */
export function sagaStatements(names: PostgresNames): SagaStatements {
  return {
    load: `select ${sagaColumns("s")}, ${logColumn(names, "s.id")}
from ${names.table("saga")} s where s.id = $1`,
    claim: claimSql(names),
    claimDue: claimDueSql(names),
    keep: keepSql(names),
    ...signalStatements(names),
    statistics: statisticsSql(names),
    purge: purgeSql(names),
  };
}

/**
 * What a claim gives, of the rows `c` that it has written. The log is one that was there when the
 * statement came in, and the saga may have been written since; then its row was another one there too.
 */
function claimed(names: PostgresNames): string {
  return `select ${sagaColumns("c")}, ${logColumn(names, "c.id")},
  c.revision <> o.revision + 1 as is_torn
from c join ${names.table("saga")} o on o.id = c.id`;
}

function claimSql(names: PostgresNames): string {
  const until = `${NOW} + $3::interval`;
  return `with c as (
  update ${names.table("saga")} set revision = revision + 1, attempts = attempts + 1,
    owner = $2, until = ${until},
    due_at = ${dueSql(until)}
  where id = $1 and (until is null or until <= ${NOW}) returning *)
${claimed(names)}`;
}

/** `due_at` of a saga that somebody has until then. */
function dueSql(until: string): string {
  return `case when has_ended or is_parked then due_at
    else greatest(${until}, resume_at, not_before) end`;
}

/**
 * `due_at` may be too early, so it finds those that may be due, and the other times tell. They do so in a
 * `case`, for which the planner expects every second one to be: of several conditions it expects so little
 * that it would read and sort all that may be due, for a few of them.
 */
function claimDueSql(names: PostgresNames): string {
  const saga = names.table("saga");
  const isOver = (column: string) => `(${column} is null or ${column} <= ${NOW})`;
  const backoff = `least($7::double precision, $6::double precision * 2 ^ least(attempts, 30))`;
  const until = `${NOW} + $2::interval`;
  const notBefore = `${until} + ${backoff} * interval '1 millisecond'`;
  return `with due as materialized (
  select id from ${saga}
  where not has_ended and due_at <= ${NOW} and (case when not is_parked
    and ${["until", "resume_at", "not_before"].map(isOver).join(" and ")}
    and name = any ($3::text[]) and updated_at <= ${NOW} - $5::interval then true end)
  order by due_at limit $4::integer for update skip locked),
c as (
  update ${saga} set revision = revision + 1, attempts = attempts + 1,
    owner = $1, until = ${until},
    not_before = ${notBefore}, due_at = greatest(${notBefore}, resume_at)
  where id = any (array(select id from due)) returning *)
${claimed(names)}
order by greatest(o.due_at, o.until, o.resume_at, o.not_before), o.position`;
}

/** Whoever locks several sagas and waits does so in the order of their ids. */
function keepSql({ table }: PostgresNames): string {
  const until = `${NOW} + $3::interval`;
  return `with k as materialized (
  select s.id as k from ${table("saga")} s
  join unnest($1::text[], $2::integer[]) as g(id, revision)
    on s.id = g.id and s.revision = g.revision
  where s.id = any ($1::text[]) order by s.id for update of s)
update ${table("saga")} set until = ${until},
  due_at = case when due_at between ${NOW} + $4::interval and ${until} then due_at
    else ${dueSql(until)} end
from k where id = k.k returning id, revision, signals`;
}

/**
 * A signal locks the row of its saga whatever comes of it, so that it is known to a checkpoint that
 * comes after it, and one that came before is known to it.
 */
function signalStatements({ table }: PostgresNames) {
  const saga = table("saga");
  return {
    signal: `with k as materialized (
  select id as k, has_ended as is_late from ${saga} where id = $1 for update),
i as (
  insert into ${table("saga_signal")} (saga, id, name, data, at)
  select k.k, $2::text, $3::text, $4::text::json, ${NOW} from k where not is_late
  on conflict (saga, id) do nothing returning 1),
c as (
  insert into ${table("saga_late")} as l (id, count) select 1, 1 from k where is_late
  on conflict (id) do update set count = l.count + 1)
update ${saga} set signals = signals + (select count(*) from i)::integer,
  resume_at = case when status = 'waiting' then ${NOW} else resume_at end,
  due_at = case when status = 'waiting' and not is_parked
    then greatest(${NOW}, until, not_before) else due_at end
from k where id = k.k returning is_late`,
    signals: `select ${SIGNAL_COLUMNS} from ${
      table("saga_signal")
    } where saga = $1 order by position`,
  };
}

function statisticsSql({ table }: PostgresNames): string {
  const saga = table("saga");
  const limit = "limit $1::bigint";
  const count = (condition: string) =>
    `(select count(*) from (select from ${saga} where ${condition} ${limit}) r)::text`;
  const counts = ["running", "waiting", "compensating", "failed"].map((status) =>
    `${count(`not is_parked and status = '${status}'`)} as ${status}`
  );
  return `select ${counts.join(",\n  ")},
  ${count("is_parked")} as parked,
  coalesce((select least(count, $1::bigint) from ${table("saga_late")}), 0)::text as late,
  (select extract(epoch from ${NOW} - min(at)) * 1000 from (
    select greatest(due_at, until, resume_at, not_before) as at from ${saga}
    where not has_ended and due_at <= ${NOW} and not is_parked order by due_at ${limit}) r where at <= ${NOW})::text as oldest`;
}

/** What was written since the statement came in stays for the next time, as not all of its log is seen. */
function purgeSql({ table }: PostgresNames): string {
  const saga = table("saga");
  const isOld = (column: string) => `${column} = any (array(select id from old))`;
  return `with found as materialized (
  select id, revision from ${saga} where has_ended and due_at <= ${NOW} - $1::interval and status <> 'failed'
  order by due_at limit $2::bigint for update skip locked),
old as materialized (
  select s.id from ${saga} s join found f on s.id = f.id and s.revision = f.revision
  where s.id = any (array(select id from found))),
l as (delete from ${table("saga_log")} where ${isOld("saga")}),
m as (delete from ${table("saga_signal")} where ${isOld("saga")}),
gone as (delete from ${saga} where ${isOld("id")} returning 1)
select count(*)::integer as count from gone`;
}
