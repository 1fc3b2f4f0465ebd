import { PGlite } from "@electric-sql/pglite";
import { fromPglite } from "../../src/storage/postgres/from_pglite.ts";
import { postgresHarness } from "./postgres_harness.ts";
import { testStorage } from "./storage_runner.ts";

const db = await PGlite.create();

Deno.test.afterAll(() => db.close());

testStorage("postgresStorage(fromPglite())", {
  isConcurrent: false,
  hasTimers: true,
  harness: () => postgresHarness(fromPglite(db), { isConcurrent: false }),
});
