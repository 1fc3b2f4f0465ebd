/**
 * A real Kafka broker for tests, one node in KRaft mode, with no set-up: it is started from the jars of
 * Maven Central on ports of its own, and is gone when the tests are, also if they are killed.
 *
 * Each file of tests starts one, in the module itself, so that no test has to account for it, and gives
 * each test topics of its own:
 *
 * ```ts
 * import { tryStartKafka } from "../services/kafka.ts";
 *
 * const kafka = await tryStartKafka();
 *
 * if (kafka !== undefined) {
 *   Deno.test.afterAll(() => kafka.stop());
 *
 *   Deno.test("publish() publishes", async () => {
 *     const topic = await kafka.createTopic();
 *     // connect to `kafka.bootstrap`, and disconnect
 *   });
 * }
 * ```
 *
 * With `KAFKA_BOOTSTRAP` in the environment that broker is used instead, save where a test wants one of
 * its own. With `CI` set, no broker is an error.
 *
 * @module
 */

import { tmpdir } from "node:os";
import { Kafka, logLevel } from "kafkajs";
import { kafkaJars } from "./kafka_jars.ts";

/** How a broker is started. */
export interface KafkaOptions {
  /** Whether it is to be one of our own, which can be restarted, even if `KAFKA_BOOTSTRAP` is set. @default {false} */
  readonly isOwn?: boolean;
}

/** What a topic is like. */
export interface TopicOptions {
  /** @default {4} */
  readonly partitions?: number;
  /** Settings of the topic, such as `max.message.bytes`. @default {} */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A broker that runs. */
export interface KafkaServer extends AsyncDisposable {
  /** For instance "127.0.0.1:39092"; the same after a restart. */
  readonly bootstrap: string;
  /**
   * Where it wants SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, with `saslUser`. `undefined` if it is not
   * one of our own.
   */
  readonly saslBootstrap: string | undefined;
  /** Makes a topic with a name of its own, and resolves to the name once it can be used. */
  createTopic(options?: TopicOptions): Promise<string>;
  /** Ends it, as an operator does (`stop`) or as a crash does (`kill`). Rejects if it is not one of our own. */
  halt(mode: "stop" | "kill"): Promise<void>;
  /** Starts it again after `halt()`, on the same ports and with its data. Resolves when it takes requests. */
  start(): Promise<void>;
  /** `halt()` and `start()`. */
  restart(mode: "stop" | "kill"): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** Who may connect to `saslBootstrap`. */
export const saslUser = { username: "tester", password: "tester-secret" } as const;

/** Starts a broker, or rejects. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const server = await tryStartKafka(options);
  if (server === undefined) throw new Error("There is no Java, or no Maven to get Kafka with");
  return server;
}

/**
 * Starts a broker, or resolves to `undefined` if there is neither a Java nor a way to get one, and nobody
 * demands it by setting `CI`.
 */
export async function tryStartKafka(
  { isOwn = false }: KafkaOptions = {},
): Promise<KafkaServer | undefined> {
  const bootstrap = Deno.env.get("KAFKA_BOOTSTRAP");
  if (bootstrap !== undefined && !isOwn) return connected(bootstrap);
  const jars = await kafkaJars();
  if (jars !== undefined) return await started(jars);
  if (!Deno.env.get("CI")) return undefined;
  throw new Error("There is no Java, or no Maven to get Kafka with");
}

/** The broker of `KAFKA_BOOTSTRAP`. */
function connected(bootstrap: string): KafkaServer {
  const refuse = () => Promise.reject(new Error("Cannot end the broker of KAFKA_BOOTSTRAP"));
  return {
    bootstrap,
    saslBootstrap: undefined,
    createTopic: (options) => createTopic(bootstrap, options),
    halt: refuse,
    start: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {},
  };
}

async function started(jars: string): Promise<KafkaServer> {
  const { keeper, ports } = await keptOnFreePorts(jars);
  const bootstrap = `127.0.0.1:${ports.plain}`;
  const stop = () => keeper.stop();
  return {
    bootstrap,
    saslBootstrap: `127.0.0.1:${ports.sasl}`,
    createTopic: (options) => createTopic(bootstrap, options),
    halt: (mode) => keeper.run(mode),
    start: () => keeper.run("start"),
    async restart(mode) {
      await keeper.run(mode);
      await keeper.run("start");
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The ports of a broker. */
type Ports = Readonly<Record<"plain" | "sasl" | "controller", number>>;

/** Tries again if somebody was faster to take a port. */
async function keptOnFreePorts(jars: string): Promise<{ keeper: Keeper; ports: Ports }> {
  for (let attempt = 1;; attempt++) {
    const [plain = 0, sasl = 0, controller = 0] = freePorts(3);
    const ports = { plain, sasl, controller };
    try {
      return { keeper: await Keeper.start(jars, settingsOf(ports)), ports };
    } catch (error) {
      if (attempt === 5 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

/** Those are held together, so that they differ. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

function settingsOf({ plain, sasl, controller }: Ports): Readonly<Record<string, string | number>> {
  const listeners = `PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl}`;
  const { username, password } = saslUser;
  const security = "org.apache.kafka.common.security";
  const prefix = "listener.name.sasl_plaintext";
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "listeners": `${listeners},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": listeners,
    "listener.security.protocol.map":
      "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    [`${prefix}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    [`${prefix}.plain.sasl.jaas.config`]:
      `${security}.plain.PlainLoginModule required user_${username}="${password}";`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
    // One node, few threads, no waiting for others.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.partitions": 4,
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "broker.heartbeat.interval.ms": 500, // after a crash it is let in again only when its session has ended
    "broker.session.timeout.ms": 2000,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": 1 << 21,
  };
}

async function createTopic(
  bootstrap: string,
  { partitions = 4, settings = {} }: TopicOptions = {},
): Promise<string> {
  const topic = `test-${crypto.randomUUID()}`;
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await admin.createTopics({
      waitForLeaders: false, // it would reject if the brokers do not know of it at once
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
    });
    for (;;) {
      const known = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
      if (known?.topics[0]?.partitions.length === partitions) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    await admin.disconnect();
  }
  return topic;
}

/**
 * Obeys commands from its standard input, and ends the broker when that is closed, which the system does
 * when the process at its other end has died, however it died. It has a session of its own: what kills
 * the tests by their process group does not reach it.
 *
 * Arguments: the folder of the jars, the folder for temporary ones, settings, what SCRAM knows. To each
 * command, and at first, it answers with "ok", or with why not.
 */
const KEEPER = `
trap "" HUP INT PIPE TERM
run() {
  trap - TERM # which Java would ignore as well
  exec java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" "$@"
}
start() {
  run kafka.Kafka "$folder/settings" >"$folder/log" 2>&1 </dev/null &
  pid=$!
  until grep -q "Kafka Server started" "$folder/log"; do
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
  done
}
halt() {
  kill -"$1" "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  true
}
answer() {
  if [ "$1" = 0 ]; then echo ok; else cat "$folder/log"; fi
}
jars=$1
folder=$(mktemp -d "$2/sluice-kafka-XXXXXXXX") || exit
printf "%slog.dirs=%s\\n" "$3" "$folder/data" >"$folder/settings"
(run kafka.tools.StorageTool format "--cluster-id=$4" -c "$folder/settings" \
  --add-scram "SCRAM-SHA-256=$5" --add-scram "SCRAM-SHA-512=$5") >"$folder/log" 2>&1 </dev/null &&
  start
answer $?
while read -r command; do
  case $command in
    start) start ;;
    stop) halt TERM ;;
    kill) halt KILL ;;
  esac
  answer $?
done
halt KILL
rm -rf "$folder"
`;

/** The process that starts, restarts and ends a broker. It alone touches the broker's files. */
class Keeper {
  readonly #child: Deno.ChildProcess;
  readonly #commands: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#commands = child.stdin.getWriter();
    this.#answers = child.stdout.getReader();
  }

  static async start(
    jars: string,
    settings: Readonly<Record<string, string | number>>,
  ): Promise<Keeper> {
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    const cluster = crypto.getRandomValues(new Uint8Array(16));
    const id = cluster.toBase64({ alphabet: "base64url", omitPadding: true });
    const user = `[name=${saslUser.username},password=${saslUser.password}]`;
    const child = new Deno.Command("sh", {
      args: ["-c", KEEPER, "sh", jars, tmpdir(), lines.join(""), id, user],
      cwd: "/",
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const keeper = new Keeper(child);
    await keeper.#answered("start");
    return keeper;
  }

  async run(command: "start" | "stop" | "kill"): Promise<void> {
    await this.#commands.write(new TextEncoder().encode(`${command}\n`));
    await this.#answered(command);
  }

  /** Resolves when the broker is gone, with its data. It may be called again. */
  async stop(): Promise<void> {
    this.#child.ref();
    await this.#commands.close().catch(() => {});
    await this.#answers.cancel();
    await this.#child.status;
  }

  async #answered(action: string): Promise<void> {
    this.#child.ref();
    const { value } = await this.#answers.read();
    this.#child.unref(); // so that a program which does not stop its broker can end, and the broker with it
    const answer = new TextDecoder().decode(value).trim();
    if (answer === "ok") return;
    await this.stop();
    throw new Error(`Cannot ${action} Kafka: ${answer}`);
  }
}
