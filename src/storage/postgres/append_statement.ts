import type { Envelope } from "../../message/mod.ts";
import { anyPartition, base64, partitionOf } from "../mod.ts";
import { attributesOf } from "./envelope_columns.ts";
import type { PostgresNames } from "./names.ts";
import type { Statement } from "./statement.ts";

const COLUMNS = "(topic, partition, key, id, type, attributes, body)";

/**
 * One statement that stores envelopes, in their order. As drivers disagree about arrays and bytes,
 * one envelope travels as plain texts, several as JSON; bodies as text where they are.
 */
export function appendStatement(names: PostgresNames, envelopes: readonly Envelope[]): Statement {
  const [envelope, ...others] = envelopes;
  return envelope !== undefined && others.length === 0
    ? single(names, envelope)
    : multiple(names, envelopes);
}

function single({ table }: PostgresNames, envelope: Envelope): Statement {
  const { topic, key = null, id, type, body } = envelope;
  const text = textOf(body);
  const bytes = text === undefined ? "decode($7, 'base64')" : "convert_to($7, 'UTF8')";
  return {
    text: `insert into ${table("outbox")} ${COLUMNS}
values ($1, $2, $3, $4, $5, $6::text::json, ${bytes})`,
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
      t: envelope.topic,
      p: partitionFor(envelope),
      k: envelope.key,
      i: envelope.id,
      y: envelope.type,
      a: attributesOf(envelope),
      b: text,
      c: text === undefined ? base64(envelope.body) : undefined,
    };
  });
  return {
    text: `insert into ${table("outbox")} ${COLUMNS}
select t, p, k, i, y, a, coalesce(convert_to(b, 'UTF8'), decode(c, 'base64'))
from json_to_recordset($1::text::json) as r(
  t text, p smallint, k text, i text, y text, a json, b text, c text)`,
    parameters: [JSON.stringify(rows)],
  };
}

function partitionFor({ key }: Envelope): number {
  return key === undefined ? anyPartition() : partitionOf(key);
}

/** The text that bytes are in UTF-8; undefined if they are none that Postgres takes. */
function textOf(body: Uint8Array): string | undefined {
  if (body.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}
