import {
  firstSagaStep,
  type NewSaga,
  type SagaChange,
  type SagaLease,
  sagaLeaseMsOf,
  sagaLogRows,
} from "../mod.ts";
import {
  appendRecords,
  MESSAGE_COLUMNS,
  MESSAGE_RECORD,
  MESSAGE_VALUES,
} from "./append_statement.ts";
import type { PostgresNames } from "./names.ts";
import { intervalText, keyText } from "./saga_parameters.ts";
import { ENDED, ENTRY_RECORD, ENTRY_VALUES, entryRecord, logInto, NOW } from "./saga_sql.ts";
import { type Statement, storable, wellFormed } from "./statement.ts";

/** A saga that is to be started. */
export interface GroupedCreate {
  readonly saga: NewSaga;
  readonly lease: SagaLease;
}

/** A checkpoint that takes nothing out of a mailbox. */
export interface GroupedCheckpoint {
  readonly id: string;
  readonly revision: number;
  readonly change: SagaChange;
}

const PURGED = "('completed', 'compensated')";

/** How long several sagas wait for one that somebody has locked, in milliseconds. Then each is written alone. */
const LOCK_TIMEOUT_MS = 100;

/**
 * One statement that starts several sagas, each with another id: it gives the number from 0 of each
 * that it has started.
 *
 * @throws {RangeError} If a lease is out of its range.
 * @throws {TypeError} If an id or a name cannot be stored.
 */
export function groupedCreateStatement(
  names: PostgresNames,
  items: readonly GroupedCreate[],
): Statement {
  const rows = items.map(createRecord);
  const entries = items.flatMap(({ saga: { entries } }, k) =>
    firstSagaStep(entries) === undefined
      ? sagaLogRows(entries).map((entry) => ({ k, ...entryRecord(entry) }))
      : []
  );
  const until = `${NOW} + g.l`;
  return {
    text: `with g as materialized (
  select * from json_to_recordset($1::text::json) as r(
    k integer, i text, n text, v bigint, s text, c text, m text, o text, l interval, f text)),
s as (
  insert into ${names.table("saga")}
    (id, name, version, status, context, metadata, owner, until, has_ended, due_at,
    created_at, updated_at, first)
  select g.i, g.n, g.v, g.s, g.c::json, g.m::json, g.o, ${until}, g.s in ${ENDED},
    case when g.s in ${PURGED} then ${NOW} when g.s <> 'failed' then ${until} end, ${NOW}, ${NOW},
    g.f
  from g order by g.i on conflict do nothing returning id),
d as materialized (select g.k, s.id from s join g on g.i = s.id),
l as (
  ${logInto(names)}
  select ${NOW}, d.id, ${ENTRY_VALUES}
  from json_to_recordset($2::text::json) as e(k integer, ${ENTRY_RECORD}) join d on d.k = e.k)
select k from d`,
    parameters: [JSON.stringify(rows), JSON.stringify(entries)],
  };
}

/**
 * One statement that writes checkpoints of several sagas, with messages that go to the table: it gives
 * the number from 0 of each that it has written, with what is known of its saga. It fails if somebody has
 * locked one of them for longer than a moment.
 *
 * @throws {TypeError} If a message cannot be stored.
 */
export function groupedCheckpointStatement(
  names: PostgresNames,
  items: readonly GroupedCheckpoint[],
): Statement {
  const rows = items.map(changeRecord);
  const entries = items.flatMap(({ change }, k) =>
    sagaLogRows(change.entries ?? []).map((entry) => ({ k, ...entryRecord(entry) }))
  );
  const messages = items.flatMap(({ change }, k) =>
    change.messages?.map((envelope) => ({ n: k, envelope })) ?? []
  );
  const parameters = [JSON.stringify(rows), JSON.stringify(entries)];
  if (messages.length > 0) parameters.push(appendRecords(messages));
  const outbox = messages.length === 0 ? "" : `,
o as (
  insert into ${names.table("outbox")} ${MESSAGE_COLUMNS}
  select ${MESSAGE_VALUES} from json_to_recordset($3::text::json) as r(
    n integer, j integer, ${MESSAGE_RECORD}) join s on s.k = r.n order by r.n, r.j)`;
  return {
    text: `with g as materialized (
  select r.*, ${NOW} + l as until,
    case when z then 'infinity' else ${NOW} + w end as resume_at
  from json_to_recordset($1::text::json) as r(
    k integer, i text, v integer, s text, c text, f boolean, e text, q boolean, p text, h boolean,
    l interval, z boolean, w interval),
    (select set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', true)) as c),
s as (
  update ${names.table("saga")} t set ${GROUPED_SETS}
  from g where t.id = any (array(select i from g)) and t.id = g.i and t.revision = g.v
  returning t.id, g.k, t.revision, t.signals),
l as (
  ${logInto(names)}
  select ${NOW}, s.id, ${ENTRY_VALUES}
  from json_to_recordset($2::text::json) as e(k integer, ${ENTRY_RECORD}) join s on s.k = e.k)${outbox}
select k, revision, signals from s`,
    parameters,
  };
}

function createRecord({ saga, lease }: GroupedCreate, k: number): object {
  const first = firstSagaStep(saga.entries);
  return {
    k,
    i: keyText(saga.id),
    n: keyText(saga.name),
    v: saga.version,
    s: saga.status,
    c: wellFormed(saga.context),
    m: wellFormed(saga.metadata),
    o: storable(lease.owner),
    l: intervalText(sagaLeaseMsOf(lease)),
    f: first && storable(first),
  };
}

function changeRecord({ id, revision, change }: GroupedCheckpoint, k: number): object {
  const { status, context, error, parkedReason, hasProgressed, leaseMs, resumeInMs = 0 } = change;
  return {
    k,
    i: storable(id),
    v: revision,
    s: status,
    c: context && wellFormed(context),
    f: error !== undefined,
    e: error && storable(error),
    q: parkedReason === undefined ? undefined : parkedReason !== null,
    p: parkedReason && storable(parkedReason),
    h: hasProgressed === true,
    l: leaseMs > 0 ? intervalText(leaseMs) : undefined,
    z: resumeInMs === Infinity,
    w: resumeInMs > 0 ? intervalText(resumeInMs) : undefined,
  };
}

/** How much of a statement a saga takes that is to be started, about. */
export function sizeOfCreate({ saga: { context, metadata } }: GroupedCreate): number {
  return context.length + metadata.length;
}

/** How much of a statement a checkpoint takes, about. */
export function sizeOfCheckpoint({ change }: GroupedCheckpoint): number {
  const { context = "", error, entries = [], messages = [] } = change;
  let size = context.length + (error?.length ?? 0);
  for (const { result, error } of entries) size += (result?.length ?? 0) + (error?.length ?? 0);
  for (const { body } of messages) size += body.length;
  return size;
}

/** As the single statement sets it, with whatever of it changes. */
const GROUPED_SETS = `revision = t.revision + 1, updated_at = ${NOW},
    status = coalesce(g.s, t.status),
    has_ended = coalesce(g.s in ${ENDED}, t.has_ended),
    context = coalesce(g.c::json, t.context),
    error = case when g.f then g.e else t.error end,
    is_parked = coalesce(g.q, t.is_parked),
    parked_reason = case when g.q is null then t.parked_reason else g.p end,
    attempts = case when g.h then 0 else t.attempts end,
    not_before = case when g.h then null else t.not_before end,
    owner = case when g.until is null then null else t.owner end,
    until = g.until, resume_at = g.resume_at,
    due_at = case
      when g.s in ${PURGED} then ${NOW}
      when g.s = 'failed' then null
      when g.s is null and t.has_ended then t.due_at
      when g.q then null
      when g.until is not null and g.resume_at is null then least(t.due_at, g.until)
      else greatest(${NOW}, g.until, g.resume_at, case when g.h then null else t.not_before end) end`;
