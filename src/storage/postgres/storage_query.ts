import { ConcurrencyError } from "../mod.ts";
import type { PostgresQuery } from "./client.ts";
import { sqlStateOf } from "./sql_state.ts";
import { inlined } from "./statement.ts";

/** How often a statement is tried that the database has refused as others were at the same rows. */
const MAX_ATTEMPTS = 5;

const MISSING = ["42P01", "42703", "3F000"]; // a table, a column, a schema
const CONFLICTS = ["40001", "40P01"]; // serialization failure, deadlock

/** Runs statements on the tables of a storage, and says what to do where these are not there. */
export function tableQuery(query: PostgresQuery): PostgresQuery {
  return async (text, parameters) => {
    try {
      return await query(text, parameters);
    } catch (error) {
      throw explained(error);
    }
  };
}

/** As {@linkcode tableQuery}, for statements of their own transaction: those can be tried again. */
export function tryingQuery(query: PostgresQuery): PostgresQuery {
  return async (text, parameters) => {
    for (let attempt = 1;; attempt++) {
      try {
        return await query(text, parameters);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isConflict(error)) throw explained(error);
      }
    }
  };
}

/**
 * Runs statements that are planned each time: without parameters, no driver prepares them. A plan that
 * was made for a table that was empty would look through all of it when it is not.
 */
export function freshQuery(query: PostgresQuery): PostgresQuery {
  return (text, parameters = []) => query(inlined(text, parameters));
}

/** What a transaction of the application rejects with. */
export function transactionError(error: unknown): unknown {
  return isConflict(error) ? new ConcurrencyError({ cause: error }) : error;
}

function explained(error: unknown): unknown {
  return MISSING.includes(sqlStateOf(error) ?? "") ? missingTables(error) : error;
}

function isConflict(error: unknown): boolean {
  return CONFLICTS.includes(sqlStateOf(error) ?? "");
}

function missingTables(cause: unknown): TypeError {
  const message =
    "Cannot use the storage as its tables are missing or older than this library: call migrate() first";
  return new TypeError(message, { cause });
}
