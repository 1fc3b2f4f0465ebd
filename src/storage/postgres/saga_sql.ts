import type { NewSagaLogEntry, SagaStatus } from "../mod.ts";
import type { PostgresNames } from "./names.ts";
import type { Parameters } from "./saga_parameters.ts";
import { storable, wellFormed } from "./statement.ts";

/**
 * When the statement has come in, as each is a transaction: nothing that a saga decides is as fine as
 * the time that it takes. No other way to say so is parsed as fast.
 */
export const NOW = "current_timestamp";

/** The statuses of sagas that have ended. */
export const ENDED = "('completed', 'compensated', 'failed')";

/** Whether a saga that stands so is kept until it is purged. */
export function isPurged(status: SagaStatus): boolean {
  return status === "completed" || status === "compensated";
}

/** So many entries travel as plain parameters, which are read faster than JSON. */
const MAX_PLAIN_ENTRIES = 3;

/** The fields of an entry, as the table has them, with what makes them of a text. */
const FIELDS = [
  ["number", "::integer"],
  ["action", ""],
  ["step", ""],
  ["status", ""],
  ["attempt", "::integer"],
  ["part", ""],
  ["error", ""],
  ["result", "::json"],
  ["next", ""],
] as const;

/**
 * An entry as the table has it. Almost each one is followed by the start of another step: that stands in
 * the same row, as the id of the step, so that a checkpoint writes one row of the log and not two.
 */
export interface LogRow extends NewSagaLogEntry {
  /** The step whose first attempt the next entry says to be started, of the same action as this one. */
  readonly next?: string | undefined;
}

/** The rows of entries. */
export function logRows(entries: readonly NewSagaLogEntry[]): readonly LogRow[] {
  const rows: LogRow[] = [];
  for (const entry of entries) {
    const last = rows.at(-1);
    const follows = last?.next === undefined && entry.action === last?.action;
    if (follows && last !== undefined && isStart(entry)) {
      rows[rows.length - 1] = { ...last, next: entry.step };
    } else rows.push(entry);
  }
  return rows;
}

/** The step that a saga begins with, if its log says nothing else: it stands in the row of the saga. */
export function firstStep(entries: readonly NewSagaLogEntry[]): string | undefined {
  const [first, ...others] = entries;
  return others.length === 0 && first?.action === "act" && isStart(first) ? first.step : undefined;
}

function isStart({ status, attempt, step, part, result, error }: NewSagaLogEntry): boolean {
  const isPlain = part === undefined && result === undefined && error === undefined;
  return status === "started" && attempt === 1 && step !== undefined && isPlain;
}

const NAMES = FIELDS.map(([name]) => name);

/** The columns of entries in JSON, as {@linkcode entryRecord} makes them. */
export const ENTRY_RECORD =
  "n integer, a text, p text, s text, t integer, h text, e text, r text, x text";
/** The columns of the table of logs, of entries in JSON. */
export const ENTRY_VALUES = "e.n, e.a, e.p, e.s, e.t, e.h, e.e, e.r::json, e.x";

/** An entry in JSON. */
export function entryRecord(
  { number, action, step, status, attempt, part, error, result, next }: LogRow,
): object {
  return {
    n: number,
    a: action,
    p: step && storable(step),
    s: status,
    t: attempt,
    h: part,
    e: error && storable(error),
    r: result && wellFormed(result),
    x: next && storable(next),
  };
}

/** What a part of a statement begins with that stores entries of a log. */
export function logInto({ table }: PostgresNames, columns: readonly string[] = NAMES): string {
  return `insert into ${table("saga_log")} (at, saga, ${columns.join(", ")})`;
}

/** The part of a statement that stores the entries of the saga which stands in the table `s`, if it does. */
export function logSql(
  names: PostgresNames,
  parameters: Parameters,
  all: readonly NewSagaLogEntry[],
): string {
  const entries = logRows(all);
  if (entries.length > MAX_PLAIN_ENTRIES) {
    const json = parameters.add(JSON.stringify(entries.map(entryRecord)));
    return `${logInto(names)}
select ${NOW}, s.id, ${ENTRY_VALUES}
from s, json_to_recordset(${json}::text::json) as e(${ENTRY_RECORD})`;
  }
  // What none of them has is left out, as the text may be parsed each time.
  const fields = FIELDS.filter(([name]) => entries.some((entry) => entry[name] !== undefined));
  const columns = fields.map(([name]) => name);
  const rows = entries.map((entry) =>
    columns.map((name) => fieldSql(parameters, name, entry[name]))
  );
  const [first = [], ...others] = rows;
  const values = others.length === 0
    ? fields.map(([, cast], n) => `${first[n]}${cast}`)
    : fields.map(([name, cast]) => `e.${name}${cast}`);
  const from = others.length === 0
    ? "s"
    : `s, (values ${rows.map((row) => `(${row.join(", ")})`).join(", ")}) as e(${
      columns.join(", ")
    })`;
  return `${logInto(names, columns)}\nselect ${NOW}, s.id, ${values.join(", ")} from ${from}`;
}

function fieldSql(
  parameters: Parameters,
  name: keyof LogRow,
  value: string | number | undefined,
): string {
  switch (name) {
    case "action":
    case "status":
    case "part":
      return value === undefined ? "null" : wordSql(parameters, String(value));
    case "attempt":
      return value === 1 ? "1" : parameters.add(String(value));
    default:
      return value === undefined ? "null" : parameters.add(storable(String(value)));
  }
}

/** One of a few words, which stands in the text: a parameter takes more. */
export function wordSql(parameters: Parameters, word: string): string {
  return /^[a-z_]+$/.test(word) ? `'${word}'` : parameters.add(word);
}
