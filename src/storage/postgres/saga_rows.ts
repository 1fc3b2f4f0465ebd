import {
  type SagaAction,
  type SagaEntryStatus,
  type SagaHold,
  type SagaLogEntry,
  type SagaRecord,
  type SagaSignal,
  type SagaStatus,
  sagaStepStart,
} from "../mod.ts";
import type { PostgresRow } from "./client.ts";
import type { PostgresNames } from "./names.ts";
import { NOW } from "./saga_sql.ts";

/** A time as it travels: milliseconds since the Unix epoch. */
const epochSql = (column: string) => `(extract(epoch from ${column}) * 1000)::text`;
/** How long it is until a time. */
const leftSql = (column: string) => epochSql(`greatest(${column} - ${NOW}, interval '0')`);

/** The columns of a saga in a result, of the table `alias`. */
export function sagaColumns(alias: string): string {
  const column = (name: string) => `${alias}.${name}`;
  const texts = ["version", "context", "metadata"].map((name) =>
    `${column(name)}::text as ${name}`
  );
  const others = [
    "id",
    "name",
    "status",
    "revision",
    "attempts",
    "error",
    "parked_reason",
    "signals",
    "first",
  ];
  return [
    ...others.map(column),
    ...texts,
    `case when ${column("until")} > ${NOW} then ${column("owner")} end as owner`,
    `${leftSql(column("until"))} as lease_left`,
    `case ${column("resume_at")} when 'infinity' then 'Infinity'
    else ${leftSql(column("resume_at"))} end as resume_in`,
    `${epochSql(column("created_at"))} as created`,
    `${epochSql(column("updated_at"))} as updated`,
  ].join(",\n  ");
}

/**
 * The log of the saga of a column, as one text. What steps have returned stands in it as texts of
 * JSON, so that they come back as they were given.
 */
export function logColumn({ table }: PostgresNames, saga: string): string {
  return `(select json_agg(json_build_array(l.number, l.action, l.step, l.status, l.attempt, l.part,
    l.result::text, l.error, extract(epoch from l.at) * 1000, l.next) order by l.number)::text
  from ${table("saga_log")} l where l.saga = ${saga}) as log`;
}

/** The columns of a signal in a result. */
export const SIGNAL_COLUMNS = `id, name, data::text as data, ${epochSql("at")} as at`;

/** The saga of a row with the columns of {@linkcode sagaColumns}. */
export function recordOf(row: PostgresRow): SagaRecord {
  return {
    id: String(row.id),
    name: String(row.name),
    version: Number(row.version),
    status: row.status as SagaStatus,
    context: String(row.context),
    metadata: String(row.metadata),
    revision: Number(row.revision),
    attempts: Number(row.attempts),
    error: textOf(row.error),
    parkedReason: textOf(row.parked_reason),
    owner: textOf(row.owner),
    leaseLeftMs: Number(row.lease_left ?? 0),
    resumeInMs: Number(row.resume_in ?? 0),
    signals: Number(row.signals),
    createdAt: timeOf(row.created),
    updatedAt: timeOf(row.updated),
  };
}

/** The log of a row with the columns of {@linkcode sagaColumns} and that of {@linkcode logColumn}. */
export function logOf({ log, first, created }: PostgresRow): readonly SagaLogEntry[] {
  const lines = typeof log === "string" ? JSON.parse(log) as readonly LogLine[] : [];
  const entries = typeof first === "string"
    ? [sagaStepStart(1, "act", first, timeOf(created))]
    : [];
  for (const [number, action, step, status, attempt, part, result, error, atMs, next] of lines) {
    const at = timeOf(atMs);
    entries.push({
      number,
      action,
      step: step ?? undefined,
      status,
      attempt,
      part: part ?? undefined,
      result: result ?? undefined,
      error: error ?? undefined,
      at,
    });
    if (next !== null) entries.push(sagaStepStart(number + 1, action, next, at));
  }
  return entries;
}

type LogLine = readonly [
  number: number,
  action: SagaAction,
  step: string | null,
  status: SagaEntryStatus,
  attempt: number,
  part: "secondary" | null,
  result: string | null,
  error: string | null,
  at: number,
  next: string | null,
];

/** What is known of the saga of a row. */
export function holdOf({ revision, signals }: PostgresRow): SagaHold {
  return { revision: Number(revision), signals: Number(signals) };
}

/** The signal of a row with {@linkcode SIGNAL_COLUMNS}. */
export function signalOf({ id, name, data, at }: PostgresRow): SagaSignal {
  return { id: String(id), name: String(name), data: textOf(data), at: timeOf(at) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function timeOf(epochMs: unknown): Date {
  return new Date(Math.floor(Number(epochMs)));
}
