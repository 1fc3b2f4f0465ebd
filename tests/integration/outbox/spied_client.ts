import type { PostgresClient, PostgresParameter } from "@sluice/cqrs/postgres";

/** A statement as it was sent. */
export interface Sent {
  readonly text: string;
  readonly parameters: readonly PostgresParameter[];
}

/** Which statement of a session a text is. */
export type StatementKind =
  | "survey"
  | "first"
  | "next"
  | "more"
  | "published"
  | "settle"
  | "park"
  | "sweep"
  | "other";

/** A client that notes the statements that are sent outside of transactions, and can do something before each. */
export interface SpiedClient<C> extends PostgresClient<C> {
  readonly sent: Sent[];
  /** Is awaited before a statement is sent. */
  before: (sent: Sent) => unknown;
  /** Is awaited when its result is there. */
  after: (sent: Sent) => unknown;
}

/** Watches a client. */
export function spiedClient<C>(client: PostgresClient<C>): SpiedClient<C> {
  const spied: SpiedClient<C> = {
    ...client,
    sent: [],
    before: () => {},
    after: () => {},
    async query(text, parameters = []) {
      const sent = { text, parameters };
      spied.sent.push(sent);
      await spied.before(sent);
      const rows = await client.query(text, parameters);
      await spied.after(sent);
      return rows;
    },
  };
  return spied;
}

/** Tells the statements of sessions apart. */
export function kindOf({ text }: Sent): StatementKind {
  if (text.includes("'isReapable'")) return "survey";
  if (text.includes("locked as materialized")) return "park";
  if (text.includes("idle as materialized")) return "sweep";
  if (text.includes("left_over as")) return "settle";
  if (text.includes("g.positions::bigint[]")) return "published";
  if (text.includes("pg_visible_in_snapshot")) {
    return !text.includes("0 as pair") ? "more" : "next";
  }
  return text.includes("pg_current_snapshot") ? "first" : "other";
}
