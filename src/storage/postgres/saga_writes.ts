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
import { keyText, msText, Parameters } from "./saga_parameters.ts";
import { ENDED, isPurged, logSql, msSql, NOW } from "./saga_sql.ts";
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
  const leaseMs = msText(sagaLeaseMsOf(lease));
  const texts = [keyText(id), keyText(name), String(version), status, context, metadata];
  const [i, n, v, s, c, m] = texts.map((text) => parameters.add(text));
  const owner = parameters.add(storable(lease.owner));
  const until = `${NOW} + ${msSql(parameters.add(leaseMs))}`;
  const create = `insert into ${names.table("saga")}
  (id, name, version, status, context, metadata, owner, until, due_at, ended_at, created_at, updated_at)
values (${i}::text, ${n}::text, ${v}::bigint, ${s}::text, ${c}::text::json, ${m}::text::json,
  ${owner}::text, ${until}, ${hasSagaEnded({ status }) ? "null" : until},
  ${isPurged(status) ? NOW : "null"}, ${NOW}, ${NOW})
on conflict (id) do nothing`;
  const text = entries.length === 0 ? `${create} returning 1 as done` : `with s as (
${create} returning id),
l as (${logSql(names, parameters, entries)})
select 1 as done from s`;
  return { text, parameters: parameters.values };
}

/** Where the messages of a checkpoint are put. */
export interface MessagePlace {
  readonly names: PostgresNames;
  readonly appendTo: "table" | "log";
}

/**
 * One statement that writes a checkpoint: it gives the row of the saga if its revision was the one.
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
  const isIt = `id = ${id}::text and revision = ${revision}::integer`;
  const table = names.table("saga");
  const sets = setsOf(parameters, change);
  const parts: string[] = [];
  if (consumed.length === 0) {
    parts.push(`s as (update ${table} set ${sets} where ${isIt} returning id, revision, signals)`);
  } else {
    const ids = parameters.add(arrayLiteral(consumed.map(storable)));
    // What is taken out has to be counted before the saga is written, so the saga is locked before that.
    parts.push(
      `k as materialized (select id as k from ${table} where ${isIt} for update)`,
      `d as (delete from ${names.table("saga_signal")} using k
  where saga = k.k and id = any (${ids}::text::text[]) returning 1)`,
      `s as (update ${table} set ${sets}, signals = signals - (select count(*) from d)::integer
  from k where id = k.k returning id, revision, signals)`,
    );
  }
  if (entries.length > 0) parts.push(`l as (${logSql(names, parameters, entries)})`);
  if (messages.length > 0) parts.push(`o as (${messagesSql(place, parameters, messages)})`);
  // Nothing that only reads is run unless somebody reads it.
  const logged = messages.length > 0 && place.appendTo === "log" ? ", (select count from o)" : "";
  return {
    text: `with ${parts.join(",\n")}\nselect revision, signals${logged} from s`,
    parameters: parameters.values,
  };
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
    sets.push(`status = ${parameters.add(status)}::text`);
    sets.push(`ended_at = ${isPurged(status) ? NOW : "null"}`);
  }
  if (context !== undefined) sets.push(`context = ${parameters.add(context)}::text::json`);
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
  return text === null ? "null" : `${parameters.add(storable(text))}::text`;
}

function timesOf(parameters: Parameters, change: SagaChange): readonly string[] {
  const { leaseMs, resumeInMs = 0, hasProgressed } = change;
  const lease = leaseMs > 0 ? msSql(parameters.add(msText(leaseMs))) : undefined;
  const until = lease && `${NOW} + ${lease}`;
  const resume = resumeInMs > 0 ? resumeSql(parameters, resumeInMs) : undefined;
  const times = [until ?? NOW];
  if (resume !== undefined) times.push(resume);
  if (hasProgressed !== true) times.push("not_before");
  const due = times.length === 1 ? times[0] ?? "" : `greatest(${times.join(", ")})`;
  return [
    `until = ${until ?? "null, owner = null"}`,
    `resume_at = ${resume ?? "null"}`,
    `due_at = ${dueSql(change, due, lease)}`,
  ];
}

function resumeSql(parameters: Parameters, resumeInMs: number): string {
  if (resumeInMs === Infinity) return "'infinity'::timestamptz";
  return `${NOW} + ${msSql(parameters.add(msText(resumeInMs)))}`;
}

/**
 * `due_at` of a saga that is due at a time. With a lease it stays as it is while it is not too early by
 * more than half of that: it stands in an index, which is not to be written with each step.
 */
function dueSql(
  { status, parkedReason }: SagaChange,
  due: string,
  lease: string | undefined,
): string {
  const isEnded = status === undefined ? undefined : hasSagaEnded({ status });
  const isParked = parkedReason === undefined ? undefined : parkedReason !== null;
  if (isEnded === true || isParked === true) return "null";
  const kept = lease === undefined
    ? ""
    : ` when due_at between ${due} - ${lease} * 0.5 and ${due} then due_at`;
  // If neither is changed, what it is tells whether the saga has ended or is parked.
  if (isEnded === undefined && isParked === undefined) {
    return `case${kept} when due_at is not null then ${due} end`;
  }
  const others = isEnded === undefined
    ? ` when status in ${ENDED} then null`
    : isParked === undefined
    ? " when is_parked then null"
    : "";
  return others + kept === "" ? due : `case${others}${kept} else ${due} end`;
}
