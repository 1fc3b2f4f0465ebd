import type { Envelope } from "../../message/mod.ts";
import { base64, encodeEnvelopes } from "../mod.ts";
import type { AppendPlace } from "./append_statement.ts";
import { arrayLiteral, checkStorable, type Statement } from "./statement.ts";

/** How many bytes of bodies share an entry of the log: whoever reads it has all of one in memory. */
const ENTRY_BYTES = 65_536;

/**
 * One statement that leaves envelopes in the log, in their order, as a part of its transaction. They
 * are in no table.
 *
 * @throws {TypeError} If one could not be stored in a table after it has failed.
 */
export function logStatement(prefix: string, envelopes: readonly Envelope[]): Statement {
  return logFrom(prefix, envelopes, { from: "", known: 0 });
}

/**
 * As {@linkcode logStatement}, for a part of another statement, which has to read its row.
 *
 * @throws {TypeError} If one could not be stored in a table after it has failed.
 */
export function logFrom(
  prefix: string,
  envelopes: readonly Envelope[],
  { from, known }: AppendPlace,
): Statement {
  const entries = entriesOf(envelopes).map((some) => base64(encodeEnvelopes(some)));
  return {
    text: `select count(pg_logical_emit_message(
  true, $${known + 1}::text, decode(entry, 'base64')))::integer as count
from ${from && `${from}, `}unnest($${known + 2}::text::text[]) as u(entry)`,
    parameters: [prefix, arrayLiteral(entries)],
  };
}

function entriesOf(envelopes: readonly Envelope[]): Envelope[][] {
  const entries: Envelope[][] = [];
  let size = Infinity;
  for (const envelope of envelopes) {
    checkStorable(envelope);
    size += envelope.body.length;
    const last = entries.at(-1);
    if (last !== undefined && size <= ENTRY_BYTES) {
      last.push(envelope);
    } else {
      entries.push([envelope]);
      size = envelope.body.length;
    }
  }
  return entries;
}
