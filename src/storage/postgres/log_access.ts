import type { Envelope } from "../../message/mod.ts";
import type { OutboxSession, OutboxSessionOptions } from "../mod.ts";
import type { PostgresQuery } from "./client.ts";

/** What `postgresLogTail` of `@sluice/cqrs/postgres-log` works with; applications have no use for it. */
export interface PostgresLogAccess {
  /** Runs statements outside of transactions; those that met others at the same rows are tried again. */
  readonly query: PostgresQuery;
  /** The prefix of the messages that `appendTo: "log"` leaves in the log. */
  readonly prefix: string;
  /** The schema of the tables; whichever the connection finds if there is none. */
  readonly schema: string | undefined;
  /** The name of the table of the outbox. */
  readonly tableName: string;
  /** The quoted name of a table, with its schema. */
  table(name: string): string;
  /** Text as Postgres can store it: without the characters that it refuses in any text. */
  storable(text: string): string;
  /** What the column `attributes` of the tables says about an envelope. */
  attributesOf(envelope: Envelope): string;
  /** Opens a session, as `open` of the outbox does. */
  open(options: OutboxSessionOptions): PostgresLogSession;
}

/** A session of a relay that also reads the log. */
export interface PostgresLogSession extends OutboxSession {
  /**
   * Resolves to the name of the session in the database, once it stands there. From then on it stays
   * the same, and the session is lost as soon as that is, whatever it holds.
   */
  register(): Promise<string>;
  /**
   * What has been read to the end of all that the session can take, as the text of a snapshot; nothing
   * before that was so.
   */
  readonly seen: string | undefined;
  /** Whether what was read last is a part of what there was then, so that the next `read` goes on with it. */
  readonly isPassing: boolean;
}
