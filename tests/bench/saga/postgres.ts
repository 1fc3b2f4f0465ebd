import { bootstrap, handlers } from "@sluice/cqrs";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { DBOS } from "@dbos-inc/dbos-sdk";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../../services/postgres.ts";
import { prepareByHand, runByHand } from "./by_hand.ts";
import { Order, START, steps, table } from "./order.ts";

/** Measures on Postgres, with a commit that waits for the disk. */
export async function measurePostgres(): Promise<void> {
  const server = await startPostgres({ isDurable: true });
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 16 });
  pool.on("error", () => {});
  const client = fromPg(pool, { prepare: true });
  const sagas = handlers().saga(Order);
  await postgresStorage(client).migrate();
  await prepareByHand(pool);
  const app = bootstrap(sagas, { storage: postgresStorage(client) });
  const grouped = bootstrap(sagas, {
    storage: postgresStorage(client, { sagas: { groupCheckpoints: true } }),
  });
  const unprepared = bootstrap(sagas, { storage: postgresStorage(fromPg(pool)) });
  const dbos = await openDbos((await server.createDatabase()).url);

  const byHand = (isPrepared: boolean) => () =>
    runByHand({ pool, steps, start: START, isPrepared });
  const candidates = [
    { name: "by hand, a statement a step", run: byHand(true) },
    { name: "Sluice", run: () => app.send(Order(START)) },
    { name: "DBOS Transact", run: dbos },
  ];
  const asText = [
    { name: "by hand, nothing prepared", run: byHand(false) },
    { name: "Sluice, nothing prepared", run: () => unprepared.send(Order(START)) },
  ];
  await table("Postgres, one at a time", candidates, { count: 100, inFlight: 1, rounds: 9 });
  await table("The same", asText, { count: 100, inFlight: 1, rounds: 9 });
  await table("Postgres, 16 in flight", [
    ...candidates,
    { name: "Sluice, checkpoints in groups", run: () => grouped.send(Order(START)) },
  ], { count: 400, inFlight: 16, rounds: 9 });
  await table("The same", asText, { count: 400, inFlight: 16, rounds: 9 });

  await DBOS.shutdown();
  await pool.end();
  await server[Symbol.asyncDispose]();
}

/** The same saga as a workflow of DBOS. */
async function openDbos(url: string): Promise<() => Promise<unknown>> {
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: url,
    logLevel: "error",
    runAdminServer: false,
  });
  const workflow = DBOS.registerWorkflow(async () => {
    let context: object = START;
    for (const [name, step] of Object.entries(steps)) {
      context = { ...context, ...await DBOS.runStep(() => Promise.resolve(step()), { name }) };
    }
    return context;
  }, { name: "order" });
  await DBOS.launch();
  return workflow;
}
