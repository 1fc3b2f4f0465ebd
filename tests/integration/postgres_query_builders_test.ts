import { notification, type } from "@sluice/cqrs";
import { fromPg, type PostgresQuery, postgresStorage } from "@sluice/cqrs/postgres";
import { type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import { CompiledQuery, Kysely, PostgresDialect, type QueryResult } from "kysely";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import { Pool } from "pg";
import { postgresClientQueryCases } from "../conformance/postgres_client_query_cases.ts";
import { TABLE } from "../conformance/postgres_client_harness.ts";
import { tryStartPostgres } from "../services/postgres.ts";

const Joined = notification("user.joined", {
  topic: "users",
  data: type<{ name: string }>(),
  key: ({ name }) => name,
});

const members = pgTable("member", { name: text().primaryKey() });

/** Runs statements through Drizzle: through its database, or one of its transactions. */
function drizzleQuery(
  db: { execute(statement: SQL): Promise<{ rows: Record<string, unknown>[] }> },
): PostgresQuery {
  return async (text, parameters = []) => {
    const parts = text.split(/\$(\d+)/).map((part, i) =>
      i % 2 === 0 ? sql.raw(part) : sql`${parameters[Number(part) - 1]}`
    );
    return (await db.execute(sql.join(parts))).rows;
  };
}

/** Runs statements through Kysely: through its database, or one of its transactions. */
function kyselyQuery(
  db: { executeQuery<R>(query: CompiledQuery<R>): Promise<QueryResult<R>> },
): PostgresQuery {
  return async (text, parameters = []) =>
    (await db.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, [...parameters]))).rows;
}

const server = await tryStartPostgres();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());

  /** A database with the storage's tables, and one of the application's. */
  const open = async () => {
    const database = await server.createDatabase();
    const pool = new Pool({ connectionString: database.url });
    const storage = postgresStorage(fromPg(pool));
    await storage.migrate();
    await pool.query("create table member (name text primary key)");
    return {
      pool,
      storage,
      /** How many members there are, and how many messages. */
      async counts(): Promise<[members: number, messages: number]> {
        const { rows: [row] } = await pool.query("select count(*)::integer from member");
        return [row.count, (await storage.outbox.statistics()).pending];
      },
      async [Symbol.asyncDispose]() {
        await pool.end();
        await database.drop();
      },
    };
  };

  Deno.test("joinQuery() stores messages in a transaction of Drizzle", async () => {
    await using opened = await open();
    const { pool, storage, counts } = opened;
    const db = drizzle(pool);
    await db.transaction(async (tx) => {
      await tx.insert(members).values({ name: "a" });
      await storage.outbox.append(storage.joinQuery(drizzleQuery(tx)), [Joined({ name: "a" })]);
    });
    assert.deepEqual(await counts(), [1, 1]);
    await assert.rejects(db.transaction(async (tx) => {
      await storage.outbox.append(storage.joinQuery(drizzleQuery(tx)), [Joined({ name: "b" })]);
      await tx.insert(members).values({ name: "a" });
    }));
    assert.deepEqual(await counts(), [1, 1]);
  });

  Deno.test("transaction() gives a handle that Drizzle takes", async () => {
    await using opened = await open();
    const { storage, counts } = opened;
    const join = (name: string) =>
      storage.transaction(async (tx) => {
        await storage.outbox.append(tx, [Joined({ name })]);
        await drizzle(tx.client).insert(members).values({ name });
      });
    await join("a");
    await assert.rejects(join("a"));
    assert.deepEqual(await counts(), [1, 1]);
  });

  Deno.test("joinQuery() stores messages in a transaction of Kysely", async () => {
    await using opened = await open();
    const { pool, storage, counts } = opened;
    const db = new Kysely<{ member: { name: string } }>({ dialect: new PostgresDialect({ pool }) });
    await db.transaction().execute(async (tx) => {
      await tx.insertInto("member").values({ name: "a" }).execute();
      await storage.outbox.append(storage.joinQuery(kyselyQuery(tx)), [Joined({ name: "a" })]);
    });
    assert.deepEqual(await counts(), [1, 1]);
    await assert.rejects(
      db.transaction().execute(async (tx) => {
        await storage.outbox.append(storage.joinQuery(kyselyQuery(tx)), [Joined({ name: "b" })]);
        await tx.insertInto("member").values({ name: "a" }).execute();
      }),
    );
    assert.deepEqual(await counts(), [1, 1]);
  });

  const queries: Record<string, (pool: Pool) => PostgresQuery> = {
    drizzle: (pool) => drizzleQuery(drizzle(pool)),
    kysely: (pool) => kyselyQuery(new Kysely({ dialect: new PostgresDialect({ pool }) })),
  };
  for (const [name, queryOf] of Object.entries(queries)) {
    for (const { name: behaviour, run } of postgresClientQueryCases) {
      Deno.test(`${name}: ${behaviour}`, async () => {
        await using opened = await open();
        const query = queryOf(opened.pool);
        await query(TABLE);
        await run({
          client: { ...fromPg(opened.pool), query },
          other: fromPg(opened.pool).query,
          run: () => assert.fail(),
          open: () => assert.fail(),
          async [Symbol.asyncDispose]() {},
        });
      });
    }
  }
}
