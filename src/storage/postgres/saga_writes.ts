import {
  firstSagaStep,
  hasSagaEnded,
  type NewSaga,
  type SagaChange,
  type SagaLease,
  sagaLeaseMsOf,
} from "../mod.ts";
import { appendFrom } from "./append_statement.ts";
import { logFrom } from "./log_append.ts";
import type { PostgresNames } from "./names.ts";
import { intervalText, keyText } from "./saga_parameters.ts";
import { isPurged, LogSql, NOW, writeWord } from "./saga_sql.ts";
import { arrayLiteral, type Statement, storable } from "./statement.ts";
import { StatementTexts, type StatementWriter } from "./statement_writer.ts";

/** Where the messages of a checkpoint are put. */
export interface MessagePlace {
  readonly names: PostgresNames;
  readonly appendTo: "table" | "log";
}

/** Makes the statements that write one saga. */
export class SagaWrites {
  readonly #place: MessagePlace;
  readonly #saga: string;
  readonly #texts = new StatementTexts();
  readonly #log: LogSql;

  constructor(place: MessagePlace) {
    this.#place = place;
    this.#saga = place.names.table("saga");
    this.#log = new LogSql(place.names);
  }

  /**
   * One statement that starts a saga: it gives a row if it did.
   *
   * @throws {RangeError} If the lease is out of its range.
   * @throws {TypeError} If an id or a name cannot be stored.
   */
  create(saga: NewSaga, lease: SagaLease): Statement {
    const { entries } = saga;
    const first = firstSagaStep(entries);
    const hasLog = entries.length > 0 && first === undefined;
    const w = this.#texts.begin();
    if (hasLog) w.sql("with s as (\n");
    this.#writeCreate(w, saga, lease, first);
    if (hasLog) {
      w.sql(" returning id)\n");
      this.#log.write(w, entries);
    }
    return w.sql(" returning 1 as done");
  }

  #writeCreate(
    w: StatementWriter,
    { id, name, version, status, context, metadata }: NewSaga,
    lease: SagaLease,
    first: string | undefined,
  ): void {
    w.sql("insert into ").sql(this.#saga).sql(` (id, name, version, status, context, metadata,
  owner, until, due_at, has_ended, created_at, updated_at`);
    w.sql(first === undefined ? ")\nvalues (" : ", first)\nvalues (");
    w.value(keyText(id)).sql(", ").value(keyText(name)).sql(", ").value(String(version));
    writeWord(w.sql("::bigint, "), status);
    w.sql(", ").value(context).sql("::json, ").value(metadata).sql("::json, ");
    w.value(storable(lease.owner)).sql(`, ${NOW} + `);
    w.value(intervalText(sagaLeaseMsOf(lease))).sql("::interval, ");
    if (hasSagaEnded({ status })) w.sql(endSql(status)).sql(", true");
    else w.sql(`${NOW} + `).again(w.parameters.length).sql("::interval, false");
    w.sql(`, ${NOW}, ${NOW}`);
    if (first !== undefined) w.sql(", ").value(storable(first));
    w.sql(")\non conflict do nothing");
  }

  /**
   * One statement that writes a checkpoint: it gives how many signals wait for the saga if its revision
   * was the one, maybe several times.
   *
   * It sets what changes and nothing else, as its text is parsed each time unless the driver prepares it.
   *
   * @throws {TypeError} If a message cannot be stored.
   */
  checkpoint(
    { id, revision }: { readonly id: string; readonly revision: number },
    change: SagaChange,
  ): Statement {
    const { entries = [], messages = [], consumed = [] } = change;
    const w = this.#texts.begin();
    const writeIs = () => {
      w.sql("id = ").value(storable(id)).sql(" and revision = ").value(String(revision));
      w.sql("::integer");
    };
    if (consumed.length === 0) {
      w.sql("with s as (update ").sql(this.#saga).sql(" set ");
      writeSets(w, change);
      w.sql("\n  where ");
      writeIs();
      w.sql(" returning id, signals)");
    } else this.#writeConsuming(w, change, consumed, writeIs);
    const isLogged = messages.length > 0 && this.#place.appendTo === "log";
    if (messages.length > 0) this.#writeMessages(w, messages);
    // Nothing that only reads is run unless somebody reads it.
    const result = isLogged
      ? "(select signals from s) as signals, (select count from o)"
      : "(select signals from s) as signals";
    if (entries.length === 0) return w.sql("\nselect ").sql(result).sql(" from s");
    this.#log.write(w.sql("\n"), entries);
    return w.sql(" returning ").sql(result);
  }

  /** What is taken out has to be counted before the saga is written, so the saga is locked before that. */
  #writeConsuming(
    w: StatementWriter,
    change: SagaChange,
    consumed: readonly string[],
    writeIs: () => void,
  ): void {
    w.sql("with k as materialized (select id as k from ").sql(this.#saga).sql(" where ");
    writeIs();
    w.sql(" for update),\nd as (delete from ").sql(this.#place.names.table("saga_signal"));
    w.sql(" using k\n  where saga = k.k and id = any (");
    w.value(arrayLiteral(consumed.map(storable))).sql("::text[]) returning 1),\ns as (update ");
    w.sql(this.#saga).sql(" set ");
    writeSets(w, change);
    w.sql(`, signals = signals - (select count(*) from d)::integer
  from k where id = k.k returning id, signals)`);
  }

  #writeMessages(w: StatementWriter, messages: NonNullable<SagaChange["messages"]>): void {
    const { names, appendTo } = this.#place;
    const place = { from: "s", known: w.parameters.length };
    w.sql(",\no as (").part(
      appendTo === "log"
        ? logFrom(names.channel, messages, place)
        : appendFrom(names, messages, place),
    ).sql(")");
  }
}

function writeSets(w: StatementWriter, change: SagaChange): void {
  const { status, context, error, parkedReason, hasProgressed } = change;
  w.sql(`revision = revision + 1, updated_at = ${NOW}`);
  if (status !== undefined) {
    writeWord(w.sql(", status = "), status);
    w.sql(hasSagaEnded({ status }) ? ", has_ended = true" : ", has_ended = false");
  }
  if (context !== undefined) w.sql(", context = ").value(context).sql("::json");
  if (error !== undefined) writeText(w.sql(", error = "), error);
  if (parkedReason !== undefined) {
    w.sql(parkedReason === null ? ", is_parked = false" : ", is_parked = true");
    writeText(w.sql(", parked_reason = "), parkedReason);
  }
  if (hasProgressed === true) w.sql(", attempts = 0, not_before = null");
  writeTimes(w, change);
}

function writeText(w: StatementWriter, text: string | null): void {
  if (text === null) w.sql("null");
  else w.value(storable(text));
}

/** A time of the saga: so much later than now, which is a parameter; or always the same. */
type TimeSql = number | string;

function writeTime(w: StatementWriter, time: TimeSql): void {
  if (typeof time === "string") w.sql(time);
  else w.sql(`${NOW} + `).again(time).sql("::interval");
}

function writeTimes(w: StatementWriter, change: SagaChange): void {
  const { leaseMs, resumeInMs = 0 } = change;
  let [until, resume]: (TimeSql | undefined)[] = [];
  w.sql(", until = ");
  if (leaseMs > 0) {
    until = w.parameters.push(intervalText(leaseMs));
    writeTime(w, until);
  } else w.sql("null, owner = null");
  w.sql(", resume_at = ");
  if (resumeInMs > 0) {
    resume = resumeInMs === Infinity
      ? "'infinity'::timestamptz"
      : w.parameters.push(intervalText(resumeInMs));
    writeTime(w, resume);
  } else w.sql("null");
  writeDue(w.sql(", due_at = "), change, until, resume);
}

/**
 * While somebody has the saga, `due_at` stays as it is unless it would be too late: it stands in an
 * index, which is not to be written with each step.
 */
function writeDue(
  w: StatementWriter,
  { status, parkedReason, hasProgressed }: SagaChange,
  until: TimeSql | undefined,
  resume: TimeSql | undefined,
): void {
  if (status !== undefined && hasSagaEnded({ status })) return void w.sql(endSql(status));
  const isParking = typeof parkedReason === "string";
  if (until !== undefined && resume === undefined && !isParking) {
    writeTime(w.sql("least(due_at, "), until);
    return void w.sql(")");
  }
  if (status === undefined) w.sql("case when has_ended then due_at else ");
  if (isParking) w.sql("null");
  else {
    writeTime(w.sql("greatest("), until ?? NOW);
    if (resume !== undefined) writeTime(w.sql(", "), resume);
    w.sql(hasProgressed === true ? ")" : ", not_before)");
  }
  if (status === undefined) w.sql(" end");
}

/** `due_at` of a saga that has ended. */
function endSql(status: NewSaga["status"]): string {
  return isPurged(status) ? NOW : "null";
}
