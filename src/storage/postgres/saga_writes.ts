import {
  hasSagaEnded,
  type NewSaga,
  type SagaChange,
  type SagaLease,
  sagaLeaseMsOf,
} from "../mod.ts";
import { appendFrom } from "./append_statement.ts";
import { logFrom } from "./log_append.ts";
import type { PostgresNames } from "./names.ts";
import { intervalText, keyText, Parameters } from "./saga_parameters.ts";
import { firstStep, isPurged, logSql, NOW, wordSql } from "./saga_sql.ts";
import { arrayLiteral, type Statement, storable } from "./statement.ts";

/**
 * One statement that starts a saga: it gives a row if it did.
 *
 * @throws {RangeError} If the lease is out of its range.
 * @throws {TypeError} If an id or a name cannot be stored.
 */
export function createStatement(
  names: PostgresNames,
  { id, name, version, status, context, metadata, entries }: NewSaga,
  lease: SagaLease,
): Statement {
  const parameters = new Parameters();
  const leaseMs = sagaLeaseMsOf(lease);
  const texts = [keyText(id), keyText(name), String(version), context, metadata];
  const [i, n, v, c, m] = texts.map((text) => parameters.add(text));
  const owner = parameters.add(storable(lease.owner));
  const until = `${NOW} + ${parameters.add(intervalText(leaseMs))}::interval`;
  const hasEnded = hasSagaEnded({ status });
  const first = firstStep(entries);
  const [column, value] = first === undefined
    ? ["", ""]
    : [", first", `, ${parameters.add(storable(first))}`];
  const create = `insert into ${names.table("saga")} (id, name, version, status, context, metadata,
  owner, until, has_ended, due_at, created_at, updated_at${column})
values (${i}, ${n}, ${v}::bigint, ${wordSql(parameters, status)}, ${c}::json, ${m}::json, ${owner},
  ${until}, ${hasEnded}, ${hasEnded ? endSql(status) : until}, ${NOW}, ${NOW}${value})
on conflict do nothing`;
  const text = entries.length === 0 || first !== undefined
    ? `${create} returning 1 as done`
    : `with s as (
${create} returning id)
${logSql(names, parameters, entries)} returning 1 as done`;
  return { text, parameters: parameters.values };
}

/** Where the messages of a checkpoint are put. */
export interface MessagePlace {
  readonly names: PostgresNames;
  readonly appendTo: "table" | "log";
}

/**
 * One statement that writes a checkpoint: it gives how many signals wait for the saga if its revision
 * was the one, maybe several times.
 *
 * It sets what changes and nothing else, as its text is parsed each time unless the driver prepares it.
 *
 * @throws {TypeError} If a message cannot be stored.
 */
export function checkpointStatement(
  place: MessagePlace,
  saga: { readonly id: string; readonly revision: number },
  change: SagaChange,
): Statement {
  const { names } = place;
  const { entries = [], messages = [], consumed = [] } = change;
  const parameters = new Parameters();
  const id = parameters.add(storable(saga.id));
  const revision = parameters.add(String(saga.revision));
  const isIt = `id = ${id} and revision = ${revision}::integer`;
  const table = names.table("saga");
  const sets = setsOf(parameters, change);
  const parts: string[] = [];
  if (consumed.length === 0) {
    parts.push(`s as (update ${table} set ${sets}\n  where ${isIt} returning id, signals)`);
  } else {
    const ids = parameters.add(arrayLiteral(consumed.map(storable)));
    // What is taken out has to be counted before the saga is written, so the saga is locked before that.
    parts.push(
      `k as materialized (select id as k from ${table} where ${isIt} for update)`,
      `d as (delete from ${names.table("saga_signal")} using k
  where saga = k.k and id = any (${ids}::text[]) returning 1)`,
      `s as (update ${table} set ${sets}, signals = signals - (select count(*) from d)::integer
  from k where id = k.k returning id, signals)`,
    );
  }
  const logged = messages.length > 0 && place.appendTo === "log";
  if (messages.length > 0) parts.push(`o as (${messagesSql(place, parameters, messages)})`);
  // Nothing that only reads is run unless somebody reads it.
  const result = `(select signals from s) as signals${logged ? ", (select count from o)" : ""}`;
  const end = entries.length === 0
    ? `select ${result} from s`
    : `${logSql(names, parameters, entries)} returning ${result}`;
  return { text: `with ${parts.join(",\n")}\n${end}`, parameters: parameters.values };
}

function messagesSql(
  { names, appendTo }: MessagePlace,
  parameters: Parameters,
  messages: NonNullable<SagaChange["messages"]>,
): string {
  const place = { from: "s", known: parameters.values.length };
  const part = appendTo === "log"
    ? logFrom(names.channel, messages, place)
    : appendFrom(names, messages, place);
  parameters.values.push(...part.parameters);
  return part.text;
}

function setsOf(parameters: Parameters, change: SagaChange): string {
  const { status, context, error, parkedReason, hasProgressed } = change;
  const sets = [`revision = revision + 1, updated_at = ${NOW}`];
  if (status !== undefined) {
    sets.push(`status = ${wordSql(parameters, status)}, has_ended = ${hasSagaEnded({ status })}`);
  }
  if (context !== undefined) sets.push(`context = ${parameters.add(context)}::json`);
  if (error !== undefined) sets.push(`error = ${textSql(parameters, error)}`);
  if (parkedReason !== undefined) {
    sets.push(`is_parked = ${parkedReason !== null}`);
    sets.push(`parked_reason = ${textSql(parameters, parkedReason)}`);
  }
  if (hasProgressed === true) sets.push("attempts = 0, not_before = null");
  sets.push(...timesOf(parameters, change));
  return sets.join(", ");
}

function textSql(parameters: Parameters, text: string | null): string {
  return text === null ? "null" : parameters.add(storable(text));
}

function timesOf(parameters: Parameters, change: SagaChange): readonly string[] {
  const { leaseMs, resumeInMs = 0 } = change;
  const inMs = (ms: number) => `${NOW} + ${parameters.add(intervalText(ms))}::interval`;
  const until = leaseMs > 0 ? inMs(leaseMs) : undefined;
  const resume = resumeInMs === Infinity
    ? "'infinity'::timestamptz"
    : resumeInMs > 0
    ? inMs(resumeInMs)
    : undefined;
  return [
    `until = ${until ?? "null, owner = null"}`,
    `resume_at = ${resume ?? "null"}`,
    `due_at = ${dueSql(change, until, resume)}`,
  ];
}

/**
 * While somebody has the saga, `due_at` stays as it is unless it would be too late: it stands in an
 * index, which is not to be written with each step.
 */
function dueSql(
  { status, parkedReason, hasProgressed }: SagaChange,
  until: string | undefined,
  resume: string | undefined,
): string {
  if (status !== undefined && hasSagaEnded({ status })) return endSql(status);
  const isParking = typeof parkedReason === "string";
  if (until !== undefined && resume === undefined && !isParking) return `least(due_at, ${until})`;
  const times = [until ?? NOW, resume, hasProgressed === true ? undefined : "not_before"];
  const due = isParking
    ? "null"
    : `greatest(${times.filter((time) => time !== undefined).join(", ")})`;
  return status !== undefined ? due : `case when has_ended then due_at else ${due} end`;
}

/** `due_at` of a saga that has ended. */
function endSql(status: NewSaga["status"]): string {
  return isPurged(status) ? NOW : "null";
}
