import { command, handlers, type } from "@sluice/cqrs";
import { denoKvStorage, type DenoKvTransactionClient } from "@sluice/cqrs/deno-kv";
import { transactional } from "@sluice/cqrs/outbox";
import { fromPg, fromPostgresJs, postgresStorage } from "@sluice/cqrs/postgres";
// @ts-types="npm:@types/pg@^8"
import type { Pool, PoolClient } from "pg";
import type postgres from "postgres";
import { compiled, type Equals, expectType } from "./equals.ts";

const Join = command("meeting.join", type<{ userId: string }>());

Deno.test("transactional() gives handlers the driver's own handle", () => {
  compiled(() => {
    handlers().use(transactional(postgresStorage(fromPg({} as Pool)))).on(Join, (_data, { tx }) => {
      expectType<Equals<typeof tx.client, PoolClient>>();
    });
    const sql = fromPostgresJs({} as postgres.Sql);
    handlers().use(transactional(postgresStorage(sql))).on(Join, (_data, { tx }) => {
      expectType<Equals<typeof tx.client, postgres.TransactionSql>>();
    });
    handlers().use(transactional(denoKvStorage({} as Deno.Kv))).on(Join, (_data, { tx }) => {
      expectType<Equals<typeof tx.client, DenoKvTransactionClient>>();
    });
  });
});
