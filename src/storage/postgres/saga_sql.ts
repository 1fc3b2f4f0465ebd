import type { NewSagaLogEntry, SagaStatus } from "../mod.ts";
import type { PostgresNames } from "./names.ts";
import type { Parameters } from "./saga_parameters.ts";
import { storable, wellFormed } from "./statement.ts";

/** When the statement has come in: nothing that a saga decides is as fine as the time it takes. */
export const NOW = "statement_timestamp()";

/** The statuses of sagas that have ended. */
export const ENDED = "('completed', 'compensated', 'failed')";

/** So many milliseconds of a parameter or column. */
export function msSql(value: string): string {
  return `${value}::double precision * interval '1 millisecond'`;
}

/** Whether a saga that stands so is kept until it is purged. */
export function isPurged(status: SagaStatus): boolean {
  return status === "completed" || status === "compensated";
}

/** So many entries travel as plain parameters, which are read faster than JSON. */
const MAX_PLAIN_ENTRIES = 3;

const ENTRY_COLUMNS = "(saga, number, action, step, status, attempt, part, error, result, at)";

/** The columns of entries in JSON, as {@linkcode entryRecord} makes them. */
export const ENTRY_RECORD = "n integer, a text, p text, s text, t integer, h text, e text, r text";
/** The columns of the table of logs, of entries in JSON. */
export const ENTRY_VALUES = `e.n, e.a, e.p, e.s, e.t, e.h, e.e, e.r::json, ${NOW}`;

/** An entry in JSON. */
export function entryRecord(
  { number, action, step, status, attempt, part, error, result }: NewSagaLogEntry,
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
  };
}

/** What a part of a statement begins with that stores entries of a log. */
export function logInto({ table }: PostgresNames): string {
  return `insert into ${table("saga_log")} ${ENTRY_COLUMNS}`;
}

/** The part of a statement that stores the entries of the saga which stands in the table `s`, if it does. */
export function logSql(
  names: PostgresNames,
  parameters: Parameters,
  entries: readonly NewSagaLogEntry[],
): string {
  if (entries.length > MAX_PLAIN_ENTRIES) {
    const json = parameters.add(JSON.stringify(entries.map(entryRecord)));
    return `${logInto(names)}
select s.id, ${ENTRY_VALUES} from s, json_to_recordset(${json}::text::json) as e(${ENTRY_RECORD})`;
  }
  const rows = entries.map((entry) => entrySql(parameters, entry));
  if (rows.length === 1) return `${logInto(names)}\nselect s.id, ${rows[0]}, ${NOW} from s`;
  return `${logInto(names)}
select s.id, e.*, ${NOW} from s, (values ${rows.map((row) => `(${row})`).join(", ")}) as e`;
}

function entrySql(
  parameters: Parameters,
  { number, action, step, status, attempt, part, error, result }: NewSagaLogEntry,
): string {
  const text = (value: string | undefined) =>
    value === undefined ? "null::text" : `${parameters.add(value)}::text`;
  return [
    `${parameters.add(String(number))}::integer`,
    text(action),
    text(step && storable(step)),
    text(status),
    `${parameters.add(String(attempt))}::integer`,
    text(part),
    text(error && storable(error)),
    `${text(result)}::json`,
  ].join(", ");
}
