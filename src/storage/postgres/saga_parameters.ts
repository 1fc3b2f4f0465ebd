import type { PostgresParameter } from "./client.ts";
import { storable } from "./statement.ts";

/** The longest id or name of a saga, in bytes in UTF-8: an index takes no long ones. */
const MAX_KEY_BYTES = 500;
/** The longest time that leaves the database one that it knows: about 30 years. */
const MAX_MS = 1e12;

/** The parameters of a statement that is being made. */
export class Parameters {
  readonly values: PostgresParameter[] = [];

  /** Adds one, and gives what stands for it in the statement. */
  add(value: PostgresParameter): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/**
 * An id or a name, as it stands in the tables.
 *
 * @throws {TypeError} If no table takes it.
 */
export function keyText(text: string): string {
  if (text.includes("\0")) {
    throw new TypeError(
      "Cannot store a saga as Postgres takes no character 0 in its texts, and an id or a name has one",
    );
  }
  const isLong = text.length * 3 > MAX_KEY_BYTES &&
    new TextEncoder().encode(text).length > MAX_KEY_BYTES;
  if (isLong) {
    throw new TypeError(
      `Cannot store a saga as an id or a name is longer than ${MAX_KEY_BYTES} bytes: "${
        text.slice(0, 40)
      }..."`,
    );
  }
  return storable(text);
}

/** A number of milliseconds as a parameter, so that the database knows each time that it leads to. */
export function msText(ms: number): string {
  return String(Math.min(ms, MAX_MS));
}

/** The same as an interval, which takes less of a statement; in seconds, as it takes no more digits of others. */
export function intervalText(ms: number): string {
  return `${(Math.min(ms, MAX_MS) / 1000).toFixed(3)} s`;
}
