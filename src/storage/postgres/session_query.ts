import type { PostgresQuery, PostgresRow } from "./client.ts";
import { freshQuery } from "./storage_query.ts";

/** From so many pages on, the planner finds rows of the queue by its index, whatever it knows of it. */
const LARGE_PAGES = 2_000;

/** Runs the statements of a session. */
export class SessionQuery {
  /** For those that are seldom sent, or look at tables that may grow at any moment. */
  readonly fresh: PostgresQuery;
  readonly #query: PostgresQuery;
  #isLarge = false;

  constructor(query: PostgresQuery) {
    this.#query = query;
    this.fresh = freshQuery(query);
  }

  /**
   * For those that go through a long queue. While that is not large, their plans are not kept; it
   * never shrinks.
   */
  get hot(): PostgresQuery {
    return this.#isLarge ? this.#query : this.fresh;
  }

  /** Learns from the first row of a result how large the queue is. */
  learn(row: PostgresRow | undefined): void {
    if (row !== undefined) this.#isLarge = Number(row.key) >= LARGE_PAGES;
  }
}
