/**
 * A real Postgres for tests, with no set-up: it is started from programs that npm carries, on a port
 * of its own, and is gone when the tests are, also if they are killed.
 *
 * Each file of tests starts one, in the module itself, so that no test has to account for it, and gives
 * each test a database of its own:
 *
 * ```ts
 * import { tryStartPostgres } from "../services/postgres.ts";
 *
 * const server = await tryStartPostgres();
 *
 * if (server !== undefined) {
 *   Deno.test.afterAll(() => server.stop());
 *
 *   Deno.test("append() stores a message", async () => {
 *     await using database = await server.createDatabase();
 *     // connect to `database.url`, and disconnect
 *   });
 * }
 * ```
 *
 * With `DATABASE_URL` in the environment that server is used instead, save where a test wants one of
 * its own kind. With `CI` set, no server is an error.
 *
 * @module
 */

import { tmpdir } from "node:os";
import postgres from "postgres";
import {
  debianBinaries,
  npmBinaries,
  type PostgresBinaries,
  serverUser,
} from "./postgres_binaries.ts";

/** How a server is started. */
export interface PostgresOptions {
  /** Whose programs: npm's Postgres 18, or the newest that Debian has installed. @default "npm" */
  readonly binaries?: "npm" | "debian";
  /** Settings in place of those of tests: logical replication is on. @default {} */
  readonly settings?: Readonly<Record<string, string | number>>;
  /**
   * Whether the server is to be one of our own, which can be restarted, even if `DATABASE_URL` is
   * set. @default true with other options, else false
   */
  readonly isOwn?: boolean;
  /**
   * Whether a commit is on the disk before it is answered, as servers have it by default. Else the data
   * is in memory if there is plenty, and `fsync` is off. @default {false}
   */
  readonly isDurable?: boolean;
}

/** A server that runs. */
export interface PostgresServer extends AsyncDisposable {
  /** The address of its database `postgres`, for its superuser. */
  readonly url: string;
  readonly port: number;
  /** For instance "18.4". */
  readonly version: string;
  /** The first process of the server, which changes with each restart; 0 if it is not one of our own. */
  readonly pid: number;
  /** Makes an empty database. */
  createDatabase(): Promise<TestDatabase>;
  /**
   * Stops the server and starts it again on the same port: `fast` ends the transactions, `immediate`
   * is a crash. Resolves when it takes connections. Rejects if it is not one of our own.
   */
  restart(options: { readonly mode: "fast" | "immediate" }): Promise<void>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/** A database for one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** Removes it, whoever is connected to it. */
  drop(): Promise<void>;
}

const SETTINGS = {
  "listen_addresses": "127.0.0.1",
  "unix_socket_directories": "",
  "wal_level": "logical",
};

/** Starts a server, or rejects. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const server = await tryStartPostgres(options);
  if (server === undefined) throw new Error("There is no Postgres for this platform");
  return server;
}

/**
 * Starts a server, or resolves to `undefined` if there are no programs for this platform and nobody
 * demands them by setting `CI`.
 */
export async function tryStartPostgres(
  options: PostgresOptions = {},
): Promise<PostgresServer | undefined> {
  const { binaries = "npm", settings = {}, isOwn = Object.keys(options).length > 0 } = options;
  const { isDurable = false } = options;
  const url = Deno.env.get("DATABASE_URL");
  if (url !== undefined && !isOwn) return await connected(url);
  const found = await (binaries === "npm" ? npmBinaries() : debianBinaries());
  if (found !== undefined) {
    return await started(found, { fsync: isDurable ? "on" : "off", ...settings }, isDurable);
  }
  if (!Deno.env.get("CI")) return undefined;
  throw new Error(`There are no programs of Postgres by ${binaries} for this platform`);
}

/** The server of `DATABASE_URL`. */
async function connected(url: string): Promise<PostgresServer> {
  return {
    url,
    port: Number(new URL(url).port || 5432),
    version: await versionOf(url),
    pid: 0,
    createDatabase: () => createDatabase(url),
    restart: () => Promise.reject(new Error("Cannot restart the server of DATABASE_URL")),
    stop: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {},
  };
}

async function started(
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string | number>>,
  isDurable: boolean,
): Promise<PostgresServer> {
  const folder = isDurable ? tmpdir() : await fastFolder();
  const { keeper, port } = await keptOnFreePort(binaries, settings, folder);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const stop = () => keeper.stop();
  try {
    return {
      url,
      port,
      version: await versionOf(url),
      get pid() {
        return keeper.serverPid;
      },
      createDatabase: () => createDatabase(url),
      restart: ({ mode }) => keeper.restart(mode),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Tries again if somebody was faster to take the port. */
async function keptOnFreePort(
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string | number>>,
  folder: string,
): Promise<{ keeper: Keeper; port: number }> {
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    try {
      const all = { ...SETTINGS, port, ...settings };
      return { keeper: await Keeper.start(binaries, all, folder), port };
    } catch (error) {
      if (attempt === 5 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function versionOf(url: string): Promise<string> {
  const [row] = await run(url, "show server_version");
  return row?.server_version;
}

async function createDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await run(serverUrl, `create database ${name} template template0`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const drop = async () => {
    await run(serverUrl, `drop database if exists ${name} with (force)`);
  };
  return { url: url.href, name, drop, [Symbol.asyncDispose]: drop };
}

/** Runs a statement on a connection of its own, so that none is left open between tests. */
async function run(url: string, statement: string): Promise<readonly postgres.Row[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

/**
 * Obeys commands from its standard input, and ends the server when that is closed, which the system
 * does when the process at its other end has died, however it died. It has a session of its own: what
 * kills the tests by their process group does not reach it.
 *
 * Arguments: the folder of the programs, the cluster to be copied, the folder for temporary ones,
 * settings. To each command, and at first, it answers with the first process of the server, or with
 * why there is none.
 */
const KEEPER = `
trap "" HUP INT PIPE TERM
control() {
  "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -s -w -t 60 "$@" >>"$folder/log" 2>&1
}
answer() {
  if [ "$1" = 0 ]; then head -n 1 "$folder/data/postmaster.pid"; else cat "$folder/log"; fi
}
bin=$1
folder=$(mktemp -d "$3/sluice-postgres-XXXXXXXX") || exit
cp -R "$2" "$folder/data" && printf "%s" "$4" >>"$folder/data/postgresql.conf" && control start
answer $?
while read -r mode; do
  control restart -m "$mode"
  answer $?
done
control stop -m immediate
rm -rf "$folder"
`;

/** Where a cluster is put: in memory if there is plenty, as making its thousand files can take a second. */
async function fastFolder(): Promise<string> {
  const memory = "/dev/shm";
  const df = new Deno.Command("df", { args: ["-Pk", memory], stdout: "piped", stderr: "null" });
  const text = await df.output().then(({ stdout }) => new TextDecoder().decode(stdout), () => "");
  const freeKiB = Number(text.trim().split("\n").at(-1)?.split(/\s+/)[3]);
  return freeKiB >= 4 * 1024 ** 2 ? memory : tmpdir();
}

/** The process that starts, restarts and ends a server. It alone touches the server's files. */
class Keeper {
  readonly #child: Deno.ChildProcess;
  readonly #commands: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<Uint8Array>;
  serverPid = 0;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#commands = child.stdin.getWriter();
    this.#answers = child.stdout.getReader();
  }

  static async start(
    { bin, template }: PostgresBinaries,
    settings: Readonly<Record<string, string | number>>,
    folder: string,
  ): Promise<Keeper> {
    const lines = Object.entries(settings).map(([key, value]) =>
      `${key} = '${String(value).replaceAll("'", "''")}'\n`
    );
    const child = new Deno.Command("sh", {
      args: ["-c", KEEPER, "sh", bin, template, folder, lines.join("")],
      ...serverUser,
      cwd: "/",
      env: { LC_ALL: "C" },
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const keeper = new Keeper(child);
    await keeper.#answered("start");
    return keeper;
  }

  async restart(mode: "fast" | "immediate"): Promise<void> {
    await this.#commands.write(new TextEncoder().encode(`${mode}\n`));
    await this.#answered("restart");
  }

  /** Resolves when the server is gone, with its data. It may be called again. */
  async stop(): Promise<void> {
    this.#child.ref();
    await this.#commands.close().catch(() => {});
    await this.#answers.cancel();
    await this.#child.status;
  }

  async #answered(action: string): Promise<void> {
    this.#child.ref();
    const { value } = await this.#answers.read();
    this.#child.unref(); // so that a program which does not stop its server can end, and the server with it
    const answer = new TextDecoder().decode(value);
    this.serverPid = Number(answer);
    if (this.serverPid > 0) return;
    await this.stop();
    throw new Error(`Cannot ${action} Postgres: ${answer}`);
  }
}
