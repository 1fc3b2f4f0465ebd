import { bootstrap, handlers } from "@sluice/cqrs";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { DBOS } from "@dbos-inc/dbos-sdk";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { type PostgresServer, startPostgres } from "../../services/postgres.ts";
import { prepareByHand, runByHand } from "./by_hand.ts";
import { Order, START, steps, table } from "./order.ts";

/** Measures on Postgres as it is by default, where a commit waits for the disk, and with `fsync` off. */
export async function measurePostgres(): Promise<void> {
  for (const isDurable of [true, false]) {
    const server = await startPostgres({ isOwn: true, isDurable });
    await measure(server, isDurable ? "Postgres" : "Postgres with fsync off");
    await server[Symbol.asyncDispose]();
  }
}

const ONE = { count: 100, inFlight: 1, rounds: 21 };
const MANY = { count: 200, inFlight: 16, rounds: 41 };

async function measure(server: PostgresServer, title: string): Promise<void> {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 16 });
  pool.on("error", () => {});
  await postgresStorage(fromPg(pool)).migrate();
  await prepareByHand(pool);
  const ours = (prepare: boolean, groupCheckpoints?: boolean) => {
    const storage = postgresStorage(fromPg(pool, { prepare }), { sagas: { groupCheckpoints } });
    const app = bootstrap(handlers().saga(Order), { storage });
    return () => app.send(Order(START));
  };
  const byHand = (isPrepared: boolean) => () =>
    runByHand({ pool, steps, start: START, isPrepared });
  const prepared = [
    { name: "by hand, a statement a step", run: byHand(true) },
    { name: "Sluice", run: ours(true) },
    { name: "Sluice, groupCheckpoints: false", run: ours(true, false) },
    { name: "Sluice, groupCheckpoints: true", run: ours(true, true) },
  ];
  const asText = [
    { name: "by hand, nothing prepared", run: byHand(false) },
    { name: "Sluice, nothing prepared", run: ours(false) },
  ];
  await table(`${title}, one at a time`, prepared, ONE);
  await table("The same", asText, ONE);
  await table(`${title}, 16 in flight`, prepared, MANY);
  await table("The same", asText, MANY);

  // It has work of its own as long as it is there, so it comes last.
  const dbos = await openDbos((await server.createDatabase()).url);
  const others = [
    { name: "Sluice", run: ours(true) },
    { name: "DBOS Transact", run: dbos },
  ];
  await table(`${title}, one at a time`, others, { ...ONE, rounds: 9 });
  await table(`${title}, 16 in flight`, others, { ...MANY, rounds: 9 });
  await DBOS.shutdown();
  await pool.end();
}

/** The same saga as a workflow, which can be registered once. */
const workflow = DBOS.registerWorkflow(async () => {
  let context: object = START;
  for (const [name, step] of Object.entries(steps)) {
    context = { ...context, ...await DBOS.runStep(() => Promise.resolve(step()), { name }) };
  }
  return context;
}, { name: "order" });

async function openDbos(url: string): Promise<() => Promise<unknown>> {
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: url,
    logLevel: "error",
    runAdminServer: false,
  });
  await DBOS.launch();
  return workflow;
}
