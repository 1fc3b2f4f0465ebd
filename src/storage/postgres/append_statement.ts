import type { Envelope } from "../../message/mod.ts";
import { anyPartition, base64, partitionOf } from "../mod.ts";
import { attributesOf } from "./envelope_columns.ts";
import { textOf } from "./body_columns.ts";
import type { PostgresNames } from "./names.ts";
import { checkStorable, type Statement, wellFormed } from "./statement.ts";

/** The columns of the table of the outbox that a message fills. */
export const MESSAGE_COLUMNS = "(topic, partition, key, id, type, attributes, body, body_text)";

/**
 * One statement that stores envelopes, in their order. As drivers disagree about arrays and bytes,
 * one envelope travels as plain texts, several as JSON; bodies as text where they are that.
 *
 * @throws {TypeError} If one cannot be stored.
 */
export function appendStatement(names: PostgresNames, envelopes: readonly Envelope[]): Statement {
  return appendFrom(names, envelopes, { from: "", known: 0 });
}

/** What a statement is a part of that stores envelopes. */
export interface AppendPlace {
  /** A table of the statement which has a row if they are to be stored, and never more; "" for always. */
  readonly from: string;
  /** How many parameters stand before those of this part. */
  readonly known: number;
}

/**
 * As {@linkcode appendStatement}, for a part of another statement. Its parameters come behind those
 * that the other has.
 *
 * @throws {TypeError} If one cannot be stored.
 */
export function appendFrom(
  names: PostgresNames,
  envelopes: readonly Envelope[],
  place: AppendPlace,
): Statement {
  for (const envelope of envelopes) checkStorable(envelope);
  const [envelope, ...others] = envelopes;
  return envelope !== undefined && others.length === 0
    ? single(names, envelope, place)
    : multiple(names, envelopes, place);
}

function single(
  { table }: PostgresNames,
  envelope: Envelope,
  { from, known }: AppendPlace,
): Statement {
  const { topic, key = null, id, type, body } = envelope;
  const text = textOf(body);
  const [t, p, k, i, y, a, b] = Array.from({ length: 7 }, (_, n) => `$${known + n + 1}`);
  const bodies = text === undefined ? `decode(${b}, 'base64'), null` : `null, ${b}::text`;
  const values =
    `${t}::text, ${p}::smallint, ${k}::text, ${i}::text, ${y}::text, ${a}::text::json, ${bodies}`;
  return {
    text: `insert into ${table("outbox")} ${MESSAGE_COLUMNS}
${from === "" ? `values (${values})` : `select ${values} from ${from}`}`,
    parameters: [
      topic,
      String(partitionFor(envelope)),
      key,
      id,
      type,
      JSON.stringify(attributesOf(envelope)),
      text ?? base64(body),
    ],
  };
}

function multiple(
  { table }: PostgresNames,
  envelopes: readonly Envelope[],
  { from, known }: AppendPlace,
): Statement {
  const rows = envelopes.map(recordOf);
  const others = from && `${from}, `;
  return {
    text: `insert into ${table("outbox")} ${MESSAGE_COLUMNS}
select ${MESSAGE_VALUES}
from ${others}json_to_recordset($${known + 1}::text::json) as r(${MESSAGE_RECORD})`,
    parameters: [jsonOf(rows)],
  };
}

/** The columns of `json_to_recordset` of {@linkcode jsonOf}, as the table `r`. */
export const MESSAGE_RECORD =
  "t text, p smallint, k text, i text, y text, a json, s text, b text, x text";
/** What they say, for {@linkcode MESSAGE_COLUMNS}. */
export const MESSAGE_VALUES =
  "r.t, r.p, r.k, r.i, r.y, coalesce(r.a, r.s::json), decode(r.b, 'base64'), r.x";

function recordOf(envelope: Envelope) {
  const text = textOf(envelope.body);
  return {
    t: wellFormed(envelope.topic),
    p: partitionFor(envelope),
    k: envelope.key && wellFormed(envelope.key),
    i: wellFormed(envelope.id),
    y: wellFormed(envelope.type),
    a: attributesOf(envelope),
    b: text === undefined ? base64(envelope.body) : undefined,
    x: text,
  };
}

/**
 * Messages as a parameter, for `json_to_recordset`, each with the number of what it belongs to, as
 * `n`, and its own place, as `j`.
 *
 * @throws {TypeError} If one cannot be stored.
 */
export function appendRecords(
  messages: ReadonlyArray<{ readonly n: number; readonly envelope: Envelope }>,
): string {
  for (const { envelope } of messages) checkStorable(envelope);
  return jsonOf(messages.map(({ n, envelope }, j) => ({ n, j, ...recordOf(envelope) })));
}

/** As JSON, in which attributes that Postgres would refuse there, as it resolves what is escaped, are texts. */
function jsonOf(rows: ReadonlyArray<{ readonly a: object }>): string {
  const json = JSON.stringify(rows);
  if (!json.includes("\\u")) return json;
  return JSON.stringify(rows.map(({ a, ...row }) => ({ ...row, s: JSON.stringify(a) })));
}

function partitionFor({ key }: Envelope): number {
  return key === undefined ? anyPartition() : partitionOf(key);
}
