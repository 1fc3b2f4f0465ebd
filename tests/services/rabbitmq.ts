/**
 * A real RabbitMQ for tests: started from Debian's programs without being a service of the machine, on
 * ports of its own that only this machine reaches, and gone when the tests are, also if they are killed.
 *
 * Each file of tests starts one, in the module itself:
 *
 * ```ts
 * import { tryStartRabbitmq } from "../services/rabbitmq.ts";
 *
 * const server = await tryStartRabbitmq();
 *
 * if (server !== undefined) {
 *   Deno.test.afterAll(() => server.stop());
 *   // connect to `server.url`
 * }
 * ```
 *
 * With `RABBITMQ_URL` in the environment that server is used instead, save where a test wants one that it
 * can break. With `CI` set, no server is an error.
 *
 * @module
 */

import { tmpdir } from "node:os";
import { findRabbitmq } from "./rabbitmq_programs.ts";

/** How a server is started. */
export interface RabbitmqOptions {
  /** Whether it is to be one of our own, which can be killed, even if `RABBITMQ_URL` is set. @default {false} */
  readonly isOwn?: boolean;
}

/** A server that runs. */
export interface RabbitmqServer extends AsyncDisposable {
  /** Its address, with a user who may do everything. */
  readonly url: string;
  /** The port of AMQP. */
  readonly port: number;
  /** Ends it at once, as a crash does. Rejects if it is not one of our own. */
  kill(): Promise<void>;
  /** Starts it again after `kill()`, on the same port and with the same data. */
  start(): Promise<void>;
  /** Runs `rabbitmqctl`, which takes a second or two, and resolves to what it says. */
  control(...args: readonly string[]): Promise<string>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/** Starts a server, or rejects. */
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<RabbitmqServer> {
  const server = await tryStartRabbitmq(options);
  if (server === undefined) throw new Error("There is no RabbitMQ on this machine");
  return server;
}

/**
 * Starts a server, or resolves to `undefined` if there are no programs, none can be installed, and nobody
 * demands them by setting `CI`.
 */
export async function tryStartRabbitmq(
  { isOwn = false }: RabbitmqOptions = {},
): Promise<RabbitmqServer | undefined> {
  const url = Deno.env.get("RABBITMQ_URL");
  if (url !== undefined && !isOwn) return connected(url);
  const programs = await findRabbitmq();
  if (programs !== undefined) return await started(programs);
  if (!Deno.env.get("CI")) return undefined;
  throw new Error("There is no RabbitMQ, and none could be installed");
}

/** The server of `RABBITMQ_URL`. */
function connected(url: string): RabbitmqServer {
  const refuse = () => Promise.reject(new Error("Cannot control the server of RABBITMQ_URL"));
  return {
    url,
    port: Number(new URL(url).port || 5672),
    kill: refuse,
    start: refuse,
    control: refuse,
    stop: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {},
  };
}

async function started(programs: string): Promise<RabbitmqServer> {
  const keeper = await Keeper.start(programs);
  const stop = () => keeper.stop();
  const start = async () => {
    await keeper.command("start");
    await keeper.untilReady();
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${keeper.port}`,
    port: keeper.port,
    kill: () => keeper.command("kill").then(() => {}),
    start,
    control: (...args) => keeper.control(args),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Three ports that were free just now. */
function freePorts(): [amqp: number, dist: number, epmd: number] {
  const listeners = [0, 0, 0].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const [amqp = 0, dist = 0, epmd = 0] = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return [amqp, dist, epmd];
}

/**
 * Obeys commands from its standard input, and ends the server when that is closed, which the system does
 * when the process at its other end has died, however it died. It has a session of its own: what kills
 * the tests by their process group does not reach it. It stays in front of the server, which Debian would
 * run as a service, and of the daemon in which Erlang's nodes find each other.
 *
 * Arguments: the folder of the programs, that of this server. It answers with the server's process, or 0.
 */
const KEEPER = `
trap "" HUP INT PIPE TERM
bin=$1
folder=$2
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" >>"$folder/out" 2>&1 </dev/null &
epmd=$!
server=0
end_server() {
  if [ "$server" != 0 ]; then kill -9 "$server"; wait "$server"; server=0; fi
} 2>/dev/null
while read -r command; do
  case $command in
    start)
      "$bin/rabbitmq-server" -noinput >>"$folder/out" 2>&1 </dev/null &
      server=$! ;;
    kill) end_server ;;
  esac
  echo "$server"
done
end_server
kill -9 "$epmd"
wait "$epmd" 2>/dev/null
rm -rf "$folder"
`;

/** The process that starts and ends a server. It alone ends processes and removes files. */
class Keeper {
  readonly port: number;
  readonly #bin: string;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #child: Deno.ChildProcess;
  readonly #commands: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(
    bin: string,
    folder: string,
    [amqp, dist, epmd]: readonly [number, number, number],
  ) {
    this.port = amqp;
    this.#bin = bin;
    this.#folder = folder;
    this.#env = {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: folder,
      LC_ALL: "C.UTF-8",
      ERL_EPMD_ADDRESS: "127.0.0.1",
      ERL_EPMD_PORT: String(epmd),
      RABBITMQ_NODENAME: "sluice@localhost",
      RABBITMQ_DIST_PORT: String(dist),
      RABBITMQ_CONF_ENV_FILE: `${folder}/none`,
      RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
      RABBITMQ_ADVANCED_CONFIG_FILE: `${folder}/advanced.config`,
      RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/plugins`,
      RABBITMQ_MNESIA_BASE: `${folder}/data`,
      RABBITMQ_LOG_BASE: `${folder}/log`,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 2:2 +sbwt none +A 8",
      // Runs the server in the process that is started, and not as a child of it.
      RUNNING_UNDER_SYSTEMD: "1",
    };
    this.#child = new Deno.Command("sh", {
      args: ["-c", KEEPER, "sh", bin, folder],
      cwd: "/",
      clearEnv: true,
      env: this.#env,
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#commands = this.#child.stdin.getWriter();
    this.#answers = this.#child.stdout.getReader();
    this.#child.unref();
  }

  static async start(bin: string): Promise<Keeper> {
    const ports = freePorts();
    const folder = await Deno.makeTempDir({ dir: tmpdir(), prefix: "sluice-rabbitmq-" });
    await Deno.writeTextFile(
      `${folder}/rabbitmq.conf`,
      `listeners.tcp.1 = 127.0.0.1:${ports[0]}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 20MB
raft.wal_max_size_bytes = 16777216
log.file.level = warning
`,
    );
    await Deno.writeTextFile(
      `${folder}/advanced.config`,
      "[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n",
    );
    await Deno.writeTextFile(`${folder}/plugins`, "[].\n");
    return new Keeper(bin, folder, ports);
  }

  /** Resolves to the server's process. */
  async command(command: "start" | "kill"): Promise<number> {
    this.#child.ref();
    await this.#commands.write(new TextEncoder().encode(`${command}\n`));
    const { value } = await this.#answers.read();
    this.#child.unref(); // so that a program which does not stop its server can end, and the server with it
    return Number(new TextDecoder().decode(value));
  }

  /** Resolves when it takes connections, which is the last that it does when it starts. */
  async untilReady(): Promise<void> {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const isUp = await Deno.connect({ hostname: "127.0.0.1", port: this.port })
        .then((connection) => (connection.close(), true), () => false);
      if (isUp) return;
      if (Date.now() > deadline) {
        throw new Error(`Cannot start RabbitMQ: ${await Deno.readTextFile(`${this.#folder}/out`)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async control(args: readonly string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(`${this.#bin}/rabbitmqctl`, {
      args: [...args],
      cwd: "/",
      clearEnv: true,
      env: this.#env,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    if (success) return decoder.decode(stdout);
    throw new Error(`rabbitmqctl failed: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
  }

  /** Resolves when the server is gone, with its data. It may be called again. */
  async stop(): Promise<void> {
    this.#child.ref();
    await this.#commands.close().catch(() => {});
    await this.#answers.cancel();
    await this.#child.status;
  }
}
