import { concurrencyLimit } from "../../resilience/mod.ts";
import type { PostgresQuery, PostgresRow } from "./client.ts";

/** What `fromPg` needs of a connected `Client` of `pg`. */
export interface PgClient {
  /** Whether it sends a statement without waiting for the one before to end. */
  readonly pipeline?: boolean | undefined;
  /** Runs a statement. */
  query(statement: PgStatement): Promise<PgResult>;
  /** Calls `listener` at each event of a kind. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** {@inheritDoc PgClient.on} */
  on(event: "end", listener: () => void): unknown;
  /** {@inheritDoc PgClient.on} */
  on(event: "notification", listener: (notification: PgNotification) => void): unknown;
  /** Calls it no more. */
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** {@inheritDoc PgClient.removeListener} */
  removeListener(event: "end", listener: () => void): unknown;
  /** {@inheritDoc PgClient.removeListener} */
  removeListener(
    event: "notification",
    listener: (notification: PgNotification) => void,
  ): unknown;
}

/** A statement as `pg` takes it. */
export interface PgStatement {
  /** Its text, with `$1` for the first parameter. */
  text: string;
  /** Its parameters. */
  values?: Array<string | null>;
  /** The name under which it is prepared. */
  name?: string;
}

/** What `pg` resolves to; a list of such if a text held several statements. */
export interface PgResult {
  /** What Postgres did: `"COMMIT"`, for instance. */
  readonly command: string;
  /** The rows. */
  readonly rows: PostgresRow[];
}

/** What a `LISTEN` brings. */
export interface PgNotification {
  /** Where it was sent to. */
  readonly channel: string;
}

/** A connection, whose statements run in the order in which they were given. */
export interface PgConnection {
  readonly query: PostgresQuery;
  /** Runs a statement without parameters, and resolves to what Postgres did. */
  run(text: string): Promise<string>;
}

/** The statements of a connection. */
export function pgConnection(client: PgClient, prepare: boolean): PgConnection {
  // The driver is about to refuse what it would have to queue.
  const turns = client.pipeline === true ? undefined : concurrencyLimit(1);
  const send = (statement: PgStatement) =>
    turns?.run(() => client.query(statement)) ?? client.query(statement);
  return {
    async query(text, parameters = []) {
      return rowsOf(await send(pgStatement(text, parameters, prepare)));
    },
    async run(text) {
      return (await send({ text })).command;
    },
  };
}

/** What a pool or a client is given to run. */
export function pgStatement(
  text: string,
  parameters: readonly (string | null)[],
  prepare: boolean,
): PgStatement {
  // Only without parameters can a text hold several statements.
  if (parameters.length === 0) return { text };
  const values = [...parameters];
  return prepare ? { text, values, name: nameOf(text) } : { text, values };
}

/** The rows of the last statement. */
export function rowsOf(result: PgResult | readonly PgResult[]): readonly PostgresRow[] {
  return (isList(result) ? result.at(-1) : result)?.rows ?? [];
}

function isList(result: PgResult | readonly PgResult[]): result is readonly PgResult[] {
  return Array.isArray(result);
}

/** The names of texts: making one takes longer than most of what else is done for a statement. */
const names = new Map<string, string>();
/** Texts are few, unless an application makes some of its own within its transactions. */
const MAX_NAMES = 1_000;

/** The name under which a text is prepared. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = makeName(text);
    if (names.size === MAX_NAMES) names.clear();
    names.set(text, name);
  }
  return name;
}

/**
 * Makes a name. It depends on the text alone, as one connection may serve several clients of this
 * library, also of several versions.
 */
function makeName(text: string): string {
  // Twice FNV-1a, from two seeds: 64 bits, as one of 32 would meet another among some ten thousands.
  let [low, high] = [0x811c9dc5, 0x9747b28c];
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b);
  }
  return `sluice_${(low >>> 0).toString(36)}_${(high >>> 0).toString(36)}`;
}
