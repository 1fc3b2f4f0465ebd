import type { Envelope } from "../../message/mod.ts";
import { anyPartition, base64, partitionOf } from "../mod.ts";
import { attributesOf } from "./envelope_columns.ts";
import { textOf } from "./body_columns.ts";
import type { PostgresNames } from "./names.ts";
import { checkStorable, type Statement, storable } from "./statement.ts";

const COLUMNS = "(topic, partition, key, id, type, attributes, body, body_text)";

/**
 * One statement that stores envelopes, in their order. As drivers disagree about arrays and bytes,
 * one envelope travels as plain texts, several as JSON; bodies as text where they are that.
 *
 * @throws {TypeError} If one cannot be stored.
 */
export function appendStatement(names: PostgresNames, envelopes: readonly Envelope[]): Statement {
  for (const envelope of envelopes) checkStorable(envelope);
  const [envelope, ...others] = envelopes;
  return envelope !== undefined && others.length === 0
    ? single(names, envelope)
    : multiple(names, envelopes);
}

function single({ table }: PostgresNames, envelope: Envelope): Statement {
  const { topic, key = null, id, type, body } = envelope;
  const text = textOf(body);
  const columns = text === undefined ? "decode($7, 'base64'), null" : "null, $7";
  return {
    text: `insert into ${table("outbox")} ${COLUMNS}
values ($1, $2::smallint, $3, $4, $5, $6::text::json, ${columns})`,
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

function multiple({ table }: PostgresNames, envelopes: readonly Envelope[]): Statement {
  const rows = envelopes.map((envelope) => {
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
  });
  return {
    text: `insert into ${table("outbox")} ${COLUMNS}
select t, p, k, i, y, coalesce(a, s::json), decode(b, 'base64'), x
from json_to_recordset($1::text::json) as r(
  t text, p smallint, k text, i text, y text, a json, s text, b text, x text)`,
    parameters: [jsonOf(rows)],
  };
}

/** As JSON, in which attributes that Postgres would refuse there, as it resolves what is escaped, are texts. */
function jsonOf(rows: ReadonlyArray<{ readonly a: object }>): string {
  const json = JSON.stringify(rows);
  if (!json.includes("\\u")) return json;
  return JSON.stringify(rows.map(({ a, ...row }) => ({ ...row, s: JSON.stringify(a) })));
}

/** Halves of pairs, as drivers encode them: JSON would keep them, and Postgres refuse it. */
function wellFormed(text: string): string {
  return text.isWellFormed() ? text : storable(text);
}

function partitionFor({ key }: Envelope): number {
  return key === undefined ? anyPartition() : partitionOf(key);
}
