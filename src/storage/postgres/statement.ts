import type { Envelope } from "../../message/mod.ts";
import type { PostgresParameter } from "./client.ts";

/** A statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly PostgresParameter[];
}

/** An array as a parameter, to be cast to `text[]` or whatever its items are. */
export function arrayLiteral(items: ReadonlyArray<string | number>): string {
  return `{${items.map(item).join(",")}}`;
}

function item(value: string | number): string | number {
  return typeof value === "number" ? value : `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Quoted names, quoted texts, and parameters. */
const TOKENS = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g;

/** A statement with its parameters in it. */
export function inlined(text: string, parameters: readonly PostgresParameter[]): string {
  return text.replaceAll(TOKENS, (token: string, number: string | undefined) => {
    if (number === undefined) return token;
    const value = parameters[Number(number) - 1] ?? null;
    return value === null ? "null" : `E'${value.replaceAll(/['\\]/g, "$&$&")}'`;
  });
}

/** Text as Postgres can store it: without the characters that it refuses in any text. */
export function storable(text: string): string {
  return text.isWellFormed() && !text.includes("\0")
    ? text
    : text.replaceAll(/[\0\ud800-\udfff]/gu, "\ufffd");
}

/** Halves of pairs, as drivers encode them: JSON would keep them, and Postgres refuse it. */
export function wellFormed(text: string): string {
  return text.isWellFormed() ? text : storable(text);
}

/**
 * Throws before a statement does, which would be the end of its transaction.
 *
 * @throws {TypeError} If an envelope cannot be stored.
 */
export function checkStorable({ id, type, topic, key = "" }: Envelope): void {
  if (![id, type, topic, key].some((text) => text.includes("\0"))) return;
  throw new TypeError(`Cannot store "${type}" as Postgres takes no character 0 in its texts`);
}
