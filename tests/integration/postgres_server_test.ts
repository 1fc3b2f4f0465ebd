// deno-lint-ignore-file no-console -- what is left out is for the reader of the output
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
// @ts-types="npm:@types/pg@^8"
import { Client } from "pg";
import { root } from "../architecture/repository.ts";
import { Output } from "../examples/demo_process.ts";
import { startPostgres, tryStartPostgres } from "../services/postgres.ts";
import { npmBinaries } from "../services/postgres_binaries.ts";

/** Runs a statement on a connection of its own, and resolves to the first row. */
async function run(url: string, statement: string): Promise<Record<string, unknown>> {
  await using connection = await connect(url);
  const { rows: [row] } = await connection.client.query(statement);
  return row;
}

async function connect(url: string): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client(url);
  client.on("error", () => {}); // as the server ends
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

/** Whether a process runs. One that has ended may be listed until its parent asks for its status. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    Deno.kill(pid, "SIGCONT");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  if (Deno.build.os !== "linux") return true;
  return await Deno.readTextFile(`/proc/${pid}/stat`).then(
    (text) => !/\) Z /.test(text),
    () => false,
  );
}

/** Waits for what another process does, asking again and again. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  while (!await isSo()) {
    deadline.throwIfAborted();
    await setImmediate();
  }
}

async function isGone(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => false, () => true);
}

const programs = await npmBinaries();

/** A test that takes a server from the programs of npm. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: programs === undefined, fn });
}

for (const binaries of ["npm", "debian"] as const) {
  const available = await tryStartPostgres({ binaries });
  await available?.stop();
  if (available === undefined) {
    console.log(`Not tested, as there are no programs by ${binaries} for this platform`);
    continue;
  }
  Deno.test(`startPostgres() starts a server from the programs of ${binaries}`, async () => {
    await using server = await startPostgres({ binaries });
    const row = await run(server.url, "select current_user as name, inet_server_port() as port");
    assert.deepEqual(row, { name: "postgres", port: server.port });
    assert.match(server.version, binaries === "npm" ? /^18\./ : /^1[4-9]\./);
    const { level } = await run(server.url, "select current_setting('wal_level') as level");
    assert.equal(level, "logical");
  });
}

test("startPostgres() takes settings in place of its own", async () => {
  await using server = await startPostgres({
    settings: { "max_connections": 7, "fsync": "on", "cluster_name": "O'Brien" },
  });
  const row = await run(
    server.url,
    `select current_setting('max_connections') as connections, current_setting('fsync') as fsync,
      current_setting('cluster_name') as name`,
  );
  assert.deepEqual(row, { connections: "7", fsync: "on", name: "O'Brien" });
});

test("startPostgres() says why a server does not start", async () => {
  const start = startPostgres({ settings: { "max_connections": "many" } });
  await assert.rejects(start, /Cannot start Postgres: [\s\S]*"max_connections"/);
});

test("createDatabase() makes databases that know nothing of each other", async () => {
  await using server = await startPostgres({ isOwn: true });
  const [first, second] = await Promise.all([server.createDatabase(), server.createDatabase()]);
  await run(first.url, "create table t (n integer)");
  await assert.rejects(run(second.url, "select n from t"), { code: "42P01" });
});

test("drop() removes a database that somebody is connected to", async () => {
  await using server = await startPostgres({ isOwn: true });
  const database = await server.createDatabase();
  await using _connection = await connect(database.url);
  await database.drop();
  await assert.rejects(run(database.url, "select 1"), { code: "3D000" });
});

for (const mode of ["fast", "immediate"] as const) {
  test(`restart() with the mode ${mode} keeps what was committed, and nothing else`, async () => {
    await using server = await startPostgres({ isOwn: true });
    await using connection = await connect(server.url);
    const { client } = connection;
    const before = server.pid;
    await client.query("create table t (n integer)");
    for (let n = 1; n <= 100; n++) await client.query("insert into t values ($1)", [n]);
    await client.query("begin");
    await client.query("insert into t values (101)");
    await server.restart({ mode });
    await assert.rejects(client.query("commit"));
    assert.notEqual(server.pid, before);
    assert.equal(await isAlive(before), false);
    assert.deepEqual(await run(server.url, "select count(*)::integer from t"), { count: 100 });
  });
}

test("stop() leaves no process and no data, and may be called twice", async () => {
  const server = await startPostgres({ isOwn: true });
  const { folder } = await run(server.url, "select current_setting('data_directory') as folder");
  const { pid } = server;
  await server.stop();
  await server.stop();
  assert.equal(await isAlive(pid), false);
  assert.ok(await isGone(String(folder)));
});

test("startPostgres() leaves no server behind when its process is killed", async () => {
  await using starter = await startInProcess(
    "await new Promise(() => setInterval(() => {}, 60_000));",
  );
  const { folder } = await run(
    starter.url,
    "select current_setting('data_directory') as folder",
  );
  starter.kill("SIGKILL");
  await until(async () => !await isAlive(starter.pid));
  await until(() => isGone(String(folder)));
});

test("startPostgres() leaves no server behind when its process ends without stopping it", async () => {
  await using starter = await startInProcess("");
  assert.equal((await starter.status).code, 0);
  await until(async () => !await isAlive(starter.pid));
});

/** Starts a process that starts a server. */
async function startInProcess(code: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { startPostgres } from "./tests/services/postgres.ts";
      const { url, pid } = await startPostgres({ isOwn: true });
      console.log(JSON.stringify({ url, pid }));
      ${code}`,
    ],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = new Output(child.stdout);
  const server: { url: string; pid: number } = JSON.parse((await output.until(/^.*\n/))[0]);
  return {
    ...server,
    status: child.status,
    kill: (signal: Deno.Signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      await Promise.all([child.status, output.ended]);
    },
  };
}

test("tryStartPostgres() uses the server of DATABASE_URL, unless one of its own is wanted", async () => {
  await using server = await startPostgres({ isOwn: true });
  const before = Deno.env.get("DATABASE_URL");
  Deno.env.set("DATABASE_URL", server.url);
  try {
    await using users = await startPostgres();
    assert.equal(users.url, server.url);
    assert.equal(users.port, server.port);
    await using database = await users.createDatabase();
    const row = await run(database.url, "select current_database() as name");
    assert.equal(row.name, database.name);
    await assert.rejects(users.restart({ mode: "fast" }), /DATABASE_URL/);
    await using own = await tryStartPostgres({ isOwn: true });
    assert.notEqual(own?.port, server.port);
  } finally {
    if (before === undefined) Deno.env.delete("DATABASE_URL");
    else Deno.env.set("DATABASE_URL", before);
  }
});
