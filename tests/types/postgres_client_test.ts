import {
  fromDenoPostgres,
  fromPg,
  fromPglite,
  fromPostgresJs,
  type PostgresClient,
} from "@sluice/cqrs/postgres";
import type { PGlite, Transaction as PgliteTransaction } from "@electric-sql/pglite";
import type { PGliteWorker } from "@electric-sql/pglite/worker";
// @ts-types="npm:@types/pg@^8"
import type { Client, Pool, PoolClient } from "pg";
import type postgres from "postgres";
import { compiled, type Equals, expectType } from "./equals.ts";

Deno.test("fromPg() gives the driver's own handles", () => {
  compiled(() => {
    const ofPool = fromPg({} as Pool, { prepare: true });
    expectType<Equals<typeof ofPool, PostgresClient<PoolClient>>>();
    const ofClient = fromPg({} as Client);
    expectType<Equals<typeof ofClient, PostgresClient<Client>>>();
    const ofPooled = fromPg({} as PoolClient);
    expectType<Equals<typeof ofPooled, PostgresClient<PoolClient>>>();
    // @ts-expect-error -- it is no client
    fromPg({ connect: () => Promise.resolve() });
    // @ts-expect-error -- there is no such option
    fromPg({} as Pool, { prepared: true });
  });
});

Deno.test("fromPg() takes a driver without types", () => {
  compiled(() => {
    // deno-lint-ignore no-explicit-any -- as the driver comes without types of its own
    const client = fromPg({} as any);
    client.transaction(async (scope) => {
      await scope.client.query("select 1");
      return await scope.query("select 1");
    });
  });
});

Deno.test("fromPostgresJs() gives the driver's own handles", () => {
  compiled(() => {
    const plain = fromPostgresJs({} as postgres.Sql);
    expectType<Equals<typeof plain, PostgresClient<postgres.TransactionSql>>>();
    const typed = fromPostgresJs({} as postgres.Sql<{ bigint: bigint }>);
    expectType<Equals<typeof typed, PostgresClient<postgres.TransactionSql<{ bigint: bigint }>>>>();
    // @ts-expect-error -- it is no client of the same driver
    fromPostgresJs({} as Pool);
    // @ts-expect-error -- a transaction cannot begin another
    fromPostgresJs({} as postgres.TransactionSql);
  });
});

Deno.test("fromPglite() gives the driver's own handles", () => {
  compiled(() => {
    const own = fromPglite({} as PGlite);
    expectType<Equals<typeof own, PostgresClient<PgliteTransaction>>>();
    const worker = fromPglite({} as PGliteWorker);
    expectType<Equals<typeof worker, PostgresClient<PgliteTransaction>>>();
    // @ts-expect-error -- it is no client of the same driver
    fromPglite({} as postgres.Sql);
  });
});

Deno.test("fromDenoPostgres() gives the driver's own handles", () => {
  interface Transaction {
    readonly name: string;
    begin(): Promise<void>;
    commit(options?: { chain?: boolean }): Promise<void>;
    rollback(): Promise<void>;
    queryObject<T>(query: string, args?: unknown[]): Promise<{ rows: T[] }>;
    queryObject<T>(strings: TemplateStringsArray, ...args: unknown[]): Promise<{ rows: T[] }>;
  }
  interface Client extends Pick<Transaction, "queryObject"> {
    readonly session: { "current_transaction": string | null; pid: number | undefined };
    createTransaction(name: string, options?: { snapshot?: string }): Transaction;
    connect(): Promise<void>;
    end(): Promise<void>;
  }
  interface Pool {
    readonly size: number;
    connect(): Promise<Client & { release(): void }>;
    end(): Promise<void>;
  }
  compiled(() => {
    const ofPool = fromDenoPostgres({} as Pool);
    expectType<Equals<typeof ofPool, PostgresClient<Transaction>>>();
    const ofClient = fromDenoPostgres({} as Client);
    expectType<Equals<typeof ofClient, PostgresClient<Transaction>>>();
    // @ts-expect-error -- it is no client of the same driver
    fromDenoPostgres({} as postgres.Sql);
  });
});
