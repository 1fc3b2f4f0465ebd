// deno-lint-ignore-file no-console

import { type App, bootstrap, handlers } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { sagaRecovery } from "@sluice/cqrs/saga";
import type { Storage } from "@sluice/cqrs/storage";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../../services/postgres.ts";
import { timed } from "../outbox/measure.ts";
import { many, Order, START } from "./order.ts";

const COUNT = 10_000;
const IN_FLIGHT = 16;

/** Measures how fast interrupted sagas are recovered, against how fast they are run. */
export async function measureRecovery(): Promise<void> {
  const server = await startPostgres({ isDurable: true });
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 16 });
  pool.on("error", () => {});
  await measure("Postgres", postgresStorage(fromPg(pool, { prepare: true })));
  await pool.end();
  await server[Symbol.asyncDispose]();

  const file = await Deno.makeTempFile();
  const kv = await Deno.openKv(file);
  await measure("Deno KV in a file", denoKvStorage(kv));
  kv.close();
  await Deno.remove(file);
}

async function measure(title: string, storage: Pick<Storage, "sagas" | "outbox" | "migrate">) {
  await storage.migrate();
  const app = bootstrap(handlers().saga(Order), { storage });
  await many(() => app.send(Order(START)), COUNT / 10, IN_FLIGHT);
  const runMs = await timed(() => many(() => app.send(Order(START)), COUNT, IN_FLIGHT));
  await many(() => interrupt(app), COUNT, IN_FLIGHT);
  const recovery = sagaRecovery(app, { concurrency: IN_FLIGHT });
  let completed = 0;
  const recoverMs = await timed(async () => {
    for (let hasMore = true; hasMore;) {
      const report = await recovery.tick({ budgetMs: Infinity });
      completed += report.completed;
      hasMore = report.hasMore;
    }
  });
  if (completed !== COUNT) throw new Error(`${completed} of ${COUNT} were recovered`);
  const perSecond = (ms: number) => Math.round(COUNT / ms * 1_000);
  console.log(`\n${title}: ${COUNT} sagas of three steps, ${IN_FLIGHT} in flight`);
  console.log(`  run                              ${perSecond(runMs)} sagas/s`);
  console.log(
    `  recovered behind the first step  ${perSecond(recoverMs)} sagas/s  ` +
      (runMs / recoverMs).toFixed(2),
  );
}

/** Leaves a saga behind its first step. */
async function interrupt(app: Pick<App<ReturnType<typeof Order>>, "stream">): Promise<void> {
  for await (const _step of app.stream(Order(START))) break;
}
