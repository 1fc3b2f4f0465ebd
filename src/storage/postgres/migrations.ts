import { inboxMigration } from "./inbox_migration.ts";
import { logMigration } from "./log_migration.ts";
import type { PostgresNames } from "./names.ts";
import { outboxMigration } from "./outbox_migration.ts";
import { replayMigration } from "./replay_migration.ts";
import { sagaMigration } from "./saga_migration.ts";

/** A step from one version of the schema to the next. It is never changed once it was released. */
export interface PostgresMigration {
  /** The version that it leads to. */
  readonly version: number;
  /** Whether a library that knows nothing of it cannot use the database any more. */
  readonly isBreaking: boolean;
  /**
   * Its statements. They run in one transaction, and do nothing where their result is there already:
   * they are printed too, and whoever runs those may do it twice.
   */
  readonly sql: (names: PostgresNames) => readonly string[];
}

/** All versions of the schema, in their order. */
export const migrations: readonly PostgresMigration[] = [
  { version: 1, isBreaking: true, sql: outboxMigration },
  { version: 2, isBreaking: false, sql: logMigration },
  { version: 3, isBreaking: false, sql: replayMigration },
  { version: 4, isBreaking: false, sql: inboxMigration },
  { version: 5, isBreaking: false, sql: sagaMigration },
];
