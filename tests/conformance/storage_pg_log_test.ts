import { tryStartPostgres } from "../services/postgres.ts";
import { postgresLogHarness } from "./postgres_log_harness.ts";
import { testStorage } from "./storage_runner.ts";

const STANDBY = "one session at a time has the slot, and others stand by";
const UNCOUNTED = "messages of the log are not counted";
const UNKEPT = "messages of the log are not kept";

const leftOutOfBoth = {
  "topics are all that a session takes": STANDBY,
  "topics that two sessions do not share are read by each without waiting for the other": STANDBY,
  "read() leaves a share to a session that comes later, and lanes keep their order": STANDBY,
  "read() leaves a share to others also while it reads ahead": STANDBY,
};
const leftOut = {
  table: leftOutOfBoth,
  log: {
    ...leftOutOfBoth,
    "a session that was silent for too long has lost all, and another reads it": UNCOUNTED,
    "statistics() follows what becomes of messages": UNCOUNTED,
    "statistics() tells how long the oldest message has been stored": UNCOUNTED,
    "statistics() counts as far as it is told": UNCOUNTED,
    "purge() deletes what was published long enough ago, however long it has been stored": UNKEPT,
    "purge() deletes at most as many as it is told, the oldest first": UNKEPT,
    "purge() leaves what is not published: pending, waiting, parked and dead": UNKEPT,
    "purge() deletes what is kept, also through a storage that keeps nothing itself": UNKEPT,
  },
};

const server = await tryStartPostgres();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());
  for (const appendTo of ["table", "log"] as const) {
    testStorage(`postgresLogTail() of the ${appendTo}:`, {
      isConcurrent: true,
      leftOut: leftOut[appendTo],
      harness: () => postgresLogHarness(server.url, appendTo),
    });
  }
}
