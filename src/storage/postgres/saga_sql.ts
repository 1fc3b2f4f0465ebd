import {
  type NewSagaLogEntry,
  SAGA_STATUSES,
  type SagaAction,
  type SagaEntryStatus,
  type SagaLogRow,
  sagaLogRows,
  type SagaStatus,
} from "../mod.ts";
import type { PostgresNames } from "./names.ts";
import { storable, wellFormed } from "./statement.ts";
import type { StatementWriter } from "./statement_writer.ts";

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

const NAMES = FIELDS.map(([name]) => name);

/** The columns of entries in JSON, as {@linkcode entryRecord} makes them. */
export const ENTRY_RECORD =
  "n integer, a text, p text, s text, t integer, h text, e text, r text, x text";
/** The columns of the table of logs, of entries in JSON. */
export const ENTRY_VALUES = "e.n, e.a, e.p, e.s, e.t, e.h, e.e, e.r::json, e.x";

/** An entry in JSON. */
export function entryRecord(
  { number, action, step, status, attempt, part, error, result, next }: SagaLogRow,
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

/** Writes the parts of statements that store entries of logs. */
export class LogSql {
  readonly #names: PostgresNames;
  /** By the fields that the entries have, each of which is a bit. */
  readonly #shapes: Map<number, LogShape> = new Map();

  constructor(names: PostgresNames) {
    this.#names = names;
  }

  /** Writes what stores the entries of the saga which stands in the table `s`, if it does. */
  write(w: StatementWriter, all: readonly NewSagaLogEntry[]): void {
    const entries = sagaLogRows(all);
    const [first, ...others] = entries;
    if (first === undefined || entries.length > MAX_PLAIN_ENTRIES) this.#writeJson(w, entries);
    else if (others.length === 0) this.#writeOne(w, first);
    else this.#writeSome(w, entries);
  }

  #writeJson(w: StatementWriter, entries: readonly SagaLogRow[]): void {
    w.sql(`${logInto(this.#names)}
select ${NOW}, s.id, ${ENTRY_VALUES} from s, json_to_recordset(`);
    w.value(JSON.stringify(entries.map(entryRecord)));
    w.sql(`::text::json) as e(${ENTRY_RECORD})`);
  }

  #writeOne(w: StatementWriter, entry: SagaLogRow): void {
    const { into, fields } = this.#shapeOf([entry]);
    w.sql(into).sql(`\nselect ${NOW}, s.id`);
    for (const [name, cast] of fields) writeField(w.sql(", "), name, entry[name]).sql(cast);
    w.sql(" from s");
  }

  #writeSome(w: StatementWriter, entries: readonly SagaLogRow[]): void {
    const { into, fields, columns } = this.#shapeOf(entries);
    w.sql(into).sql(`\nselect ${NOW}, s.id`);
    for (const [name, cast] of fields) w.sql(", e.").sql(name).sql(cast);
    w.sql(" from s, (values ");
    for (const [n, entry] of entries.entries()) {
      w.sql(n === 0 ? "(" : ", (");
      for (const [m, [name]] of fields.entries()) {
        writeField(m === 0 ? w : w.sql(", "), name, entry[name]);
      }
      w.sql(")");
    }
    w.sql(") as e(").sql(columns).sql(")");
  }

  /** What none of them has is left out, as the text may be parsed each time. */
  #shapeOf(entries: readonly SagaLogRow[]): LogShape {
    let key = 0;
    for (const [n, [name]] of FIELDS.entries()) {
      if (entries.some((entry) => entry[name] !== undefined)) key |= 1 << n;
    }
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const fields = FIELDS.filter((_, n) => (key & (1 << n)) !== 0);
      const columns = fields.map(([name]) => name);
      shape = { fields, columns: columns.join(", "), into: logInto(this.#names, columns) };
      this.#shapes.set(key, shape);
    }
    return shape;
  }
}

/** The fields that some entries have. */
interface LogShape {
  readonly fields: ReadonlyArray<typeof FIELDS[number]>;
  readonly columns: string;
  readonly into: string;
}

function writeField(
  w: StatementWriter,
  name: keyof SagaLogRow,
  value: string | number | undefined,
): StatementWriter {
  if (value === undefined) return w.sql("null");
  switch (name) {
    case "action":
    case "status":
    case "part":
      return writeWord(w, String(value));
    case "attempt":
      return value === 1 ? w.sql("1") : w.value(String(value));
    default:
      return w.value(storable(String(value)));
  }
}

const ACTIONS: readonly SagaAction[] = [
  "act",
  "compensate",
  "retry",
  "skip",
  "resume",
  "turn_back",
  "park",
];
const ENTRY_STATUSES: readonly SagaEntryStatus[] = [
  "started",
  "completed",
  "retrying",
  "failed",
  "unknown",
  "postponed",
];
const WORDS = new Map<string, string>(
  [...SAGA_STATUSES, ...ACTIONS, ...ENTRY_STATUSES, "secondary"].map((word) => [word, `'${word}'`]),
);

/** Writes one of a few words, which stands in the text: a parameter takes more. */
export function writeWord(w: StatementWriter, word: string): StatementWriter {
  const quoted = WORDS.get(word);
  return quoted === undefined ? w.value(word) : w.sql(quoted);
}
