/**
 * Measures sagas of three steps against the same by hand, with one statement for each step, and against
 * DBOS Transact, on a real Postgres; on Deno KV against the same atomic operations by hand; in memory against
 * calling the steps; and a recovery of 10,000 interrupted sagas against running them. All of one table is
 * measured in turn within one run: read the ratios.
 *
 * Run it: deno task bench:saga
 *
 * @module
 */

const measures = {
  memory: async () => await (await import("./memory.ts")).measureMemory(),
  kv: async () => await (await import("./kv.ts")).measureKv(),
  postgres: async () => await (await import("./postgres.ts")).measurePostgres(),
  recovery: async () => await (await import("./recovery.ts")).measureRecovery(),
};

for (const [name, measure] of Object.entries(measures)) {
  if (Deno.args.length === 0 || Deno.args.includes(name)) await measure();
}
