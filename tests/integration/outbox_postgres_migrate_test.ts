import { fromPg, migrationSql, type PostgresClient, postgresStorage } from "@sluice/cqrs/postgres";
import { SchemaVersionError } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import pg from "pg";
import { migrate } from "../../src/storage/postgres/migrate.ts";
import { migrations } from "../../src/storage/postgres/migrations.ts";
import { postgresNames } from "../../src/storage/postgres/names.ts";
import { startPostgres } from "../services/postgres.ts";
import { messages } from "./outbox/envelopes.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const NEWEST = Math.max(...migrations.map(({ version }) => version));

/** A database of its own, and a pool that is closed with it. */
async function openDatabase() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 12 });
  pool.on("error", () => {});
  return {
    pool,
    client: fromPg(pool),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

/** All that a schema has: columns, indexes and constraints, as the server describes them. */
async function shapeOf({ query }: PostgresClient, schema: string): Promise<readonly unknown[]> {
  const rows = await query(
    `select 'column' as kind, concat_ws(' ', table_name, column_name, data_type, collation_name,
       is_nullable, column_default, identity_generation) as what
     from information_schema.columns where table_schema = $1::text
     union all
     select 'index', indexdef from pg_indexes where schemaname = $1::text
     union all
     select 'constraint', conrelid::regclass || ' ' || pg_get_constraintdef(oid)
     from pg_constraint where connamespace = $1::text::regnamespace
     union all
     select 'setting', relname || ' ' || coalesce(reloptions::text, '') from pg_class
     where relnamespace = $1::text::regnamespace and relkind = 'r'
     order by 1, 2`,
    [schema],
  );
  return rows.map(({ kind, what }) => `${kind} ${what}`);
}

Deno.test("migrate() prepares a database once when many processes start at the same time", async () => {
  await using database = await openDatabase();
  const options = { schema: 'deep "inside"', prefix: "Out_1" };
  const storages = Array.from({ length: 10 }, () => postgresStorage(database.client, options));
  await Promise.all(storages.map((storage) => storage.migrate()));
  const { rows } = await database.pool.query(
    'select version from "deep ""inside"""."Out_1migration" order by version',
  );
  assert.deepEqual(rows.map(({ version }) => version), migrations.map(({ version }) => version));
  await storages[0]?.outbox.store(messages("a1"));
  assert.equal((await storages[1]?.outbox.statistics())?.pending, 1);
});

Deno.test("migrate() sees what others have done also where transactions are serializable by default", async () => {
  await using database = await openDatabase();
  const { rows: [row] } = await database.pool.query("select current_database() as name");
  await database.pool.query(
    `alter database ${row.name} set default_transaction_isolation = 'serializable'`,
  );
  const pools = Array.from({ length: 5 }, () => new pg.Pool({ ...database.pool.options, max: 1 }));
  try {
    await Promise.all(pools.map((pool) => postgresStorage(fromPg(pool)).migrate()));
    const storage = postgresStorage(fromPg(database.pool));
    await storage.outbox.store(messages("a1 b1"));
    const session = storage.outbox.open({ leaseMs: 10_000 });
    const rows = await session.read(10);
    await session.settle(rows.map((row) => ({ row, outcome: "published" })));
    await session[Symbol.asyncDispose]();
    assert.equal((await storage.outbox.statistics()).pending, 0);
  } finally {
    for (const pool of pools) await pool.end();
  }
});

Deno.test("migrate() does what migrationSql() prints, and finds that done", async () => {
  await using database = await openDatabase();
  await postgresStorage(database.client, { schema: "migrated" }).migrate();
  const sql = migrationSql({ schema: "printed" });
  await database.pool.query(sql);
  await database.pool.query(sql);
  const printed = (await shapeOf(database.client, "printed"))
    .map((what) => String(what).replaceAll("printed", "migrated"));
  assert.deepEqual(printed, await shapeOf(database.client, "migrated"));
  assert.ok(printed.length > 50);
  const before = await database.pool.query("select * from printed.sluice_migration");
  await postgresStorage(database.client, { schema: "printed" }).migrate();
  const after = await database.pool.query("select * from printed.sluice_migration");
  assert.deepEqual(after.rows, before.rows);
});

Deno.test("migrate() goes on from an older version, and keeps what is stored", async () => {
  await using database = await openDatabase();
  const storage = postgresStorage(database.client);
  await storage.migrate();
  await storage.outbox.store(messages("a1 b1"));
  await database.pool.query("delete from sluice_migration where version > 1");
  await storage.migrate();
  const { rows } = await database.pool.query(
    "select max(version) as version from sluice_migration",
  );
  assert.equal(rows[0].version, NEWEST);
  assert.equal((await storage.outbox.statistics()).pending, 2);
});

Deno.test("migrate() adds what sagas need to a database of version 4", async () => {
  await using database = await openDatabase();
  const older = migrations.filter(({ version }) => version <= 4);
  await migrate(database.client, postgresNames(), older);
  const storage = postgresStorage(database.client);
  await storage.outbox.store(messages("a1"));
  await assert.rejects(storage.sagas.load("a"), /call migrate\(\) first$/);
  await storage.migrate();
  const saga = {
    id: "a",
    name: "order",
    version: 1,
    status: "running",
    context: "{}",
    metadata: "{}",
    entries: [],
  } as const;
  assert.equal(await storage.sagas.create(saga, { owner: "me", leaseMs: 60_000 }), true);
  await storage.sagas.checkpoint("a", 1, { messages: messages("b1"), leaseMs: 0 });
  assert.equal((await storage.outbox.statistics()).pending, 2);
  await migrate(database.client, postgresNames(), older); // as one of the older processes does
});

Deno.test("migrate() refuses a newer version that is breaking, and accepts one that is not", async () => {
  await using database = await openDatabase();
  const storage = postgresStorage(database.client);
  await storage.migrate();
  await database.pool.query("insert into sluice_migration values (900, false)");
  await storage.migrate();
  await database.pool.query("insert into sluice_migration values (901, true), (902, false)");
  await assert.rejects(storage.migrate(), (error) => {
    assert.ok(error instanceof SchemaVersionError);
    assert.deepEqual([error.found, error.supported], [901, NEWEST]);
    return true;
  });
});

Deno.test("migrate() needs no right to create schemas where its schema exists", async () => {
  await using database = await openDatabase();
  await database.pool.query("create role modest; create schema mine authorization modest");
  const modest = new pg.Pool({ ...database.pool.options, options: "-c role=modest" });
  try {
    await postgresStorage(fromPg(modest), { schema: "mine" }).migrate();
  } finally {
    await modest.end();
    await database.pool.query("drop schema mine cascade; drop role modest");
  }
});

Deno.test("a storage that was not migrated says so", async () => {
  await using database = await openDatabase();
  const storage = postgresStorage(database.client, { schema: "nowhere" });
  const session = storage.outbox.open({ leaseMs: 10_000 });
  const calls = {
    store: () => storage.outbox.store(messages("a1")),
    append: () => storage.transaction((tx) => storage.outbox.append(tx, messages("a1"))),
    read: () => session.read(1),
    statistics: () => storage.outbox.statistics(),
    list: () => storage.outbox.deadLetters.list(),
    claim: () => storage.sagas.claim("a", { owner: "me", leaseMs: 1_000 }),
    listSagas: () => storage.sagas.list(),
  };
  for (const call of Object.values(calls)) {
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /call migrate\(\) first$/);
      assert.ok(error.cause instanceof Error);
      return true;
    });
  }
});
