/**
 * A service on the package python-cqrs, in a process of its own, that writes and reads what it is told.
 *
 * @module
 */

import { toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { TextLineStream } from "../outbox/lines.ts";
import { pythonPackages } from "../../services/python_packages.ts";
import { file_user_joined } from "./user_joined_pb.ts";

/** The versions that are tested: the one that the design was made after, and the newest. */
export const versions = ["4.4.5", "5.3.0"] as const;

/** One of them. */
export type PythonVersion = typeof versions[number];

/** How an event is made and sent. */
export type Style = "dataclass" | "pydantic" | "protobuf";

/** In which styles a version has events. */
export const styles: Readonly<Record<PythonVersion, readonly Style[]>> = {
  "4.4.5": ["pydantic", "protobuf"],
  "5.3.0": ["dataclass", "pydantic", "protobuf"],
};

/** The data of `user.joined`, as Python has it. */
export interface PythonPayload {
  readonly "user_id": string;
  readonly visits: number;
}

/** An event, as Python has it. */
export interface PythonEvent {
  /** The name of its class. */
  readonly type: string;
  readonly id: string;
  /** With what `isoformat()` gives. */
  readonly timestamp: string;
  readonly name: string;
  readonly topic: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What the package has made of an event. */
export interface PythonMessage {
  readonly event: PythonEvent;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record that Python has read from Kafka. */
export interface PythonRecord {
  readonly event: PythonEvent;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

const REQUIREMENTS: Readonly<Record<PythonVersion, readonly string[]>> = {
  // It imports `requests` and does not say so; and its adapter for Kafka comes with that for RabbitMQ.
  "4.4.5": ["python-cqrs[kafka,protobuf,rabbit]==4.4.5", "requests==2.*"],
  "5.3.0": ["python-cqrs[kafka,protobuf,pydantic]==5.3.0"],
};

/** The packages of all versions; `undefined` without Python, unless `CI` demands it. */
export async function pythonCqrsPackages(): Promise<
  ReadonlyMap<PythonVersion, string> | undefined
> {
  const folders = new Map<PythonVersion, string>();
  for (const version of versions) {
    const folder = await pythonPackages(`python-cqrs-${version}`, REQUIREMENTS[version]);
    if (folder === undefined) return undefined;
    folders.set(version, folder);
  }
  return folders;
}

/** A service that runs until it is disposed of. */
export class PythonService implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  /** Starts it. `registryUrl` is that of the schema registry that version 4 registers its schemas at. */
  constructor(version: PythonVersion, packages: string, registryUrl = "") {
    const file = toBinary(FileDescriptorProtoSchema, file_user_joined.proto);
    this.#process = new Deno.Command("python3", {
      args: ["-s", "service.py", `python_${version[0]}`],
      cwd: new URL(".", import.meta.url),
      env: {
        PYTHONPATH: packages,
        PYTHONPYCACHEPREFIX: `${packages}/__pycache__`,
        TZ: "UTC",
        KAFKA_SCHEMA_REGISTRY_URL: registryUrl,
        PYTHONWARNINGS: "ignore", // of what the packages use of each other
        NO_PROXY: "127.0.0.1",
        no_proxy: "127.0.0.1",
        PROTO_FILE: base64Encode(file),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** Makes an event, and writes it. */
  async write(style: Style, topic: string, payload: PythonPayload): Promise<PythonMessage> {
    const message = await this.#ask("write", { style, topic, payload });
    const { event, headers, body } = message as Omit<PythonMessage, "body"> & { body: string };
    return { event, headers, body: base64Decode(body) };
  }

  /** Reads an event; rejects if the package refuses it. */
  async read(style: Style, body: Uint8Array): Promise<PythonEvent> {
    return await this.#ask("read", { style, body: base64Encode(body) }) as PythonEvent;
  }

  /** Makes events, and publishes them to Kafka through the package's broker. */
  async publish(
    bootstrap: string,
    { style, topic, payloads }: {
      readonly style: Style;
      readonly topic: string;
      readonly payloads: readonly PythonPayload[];
    },
  ): Promise<readonly PythonEvent[]> {
    return await this.#ask("publish", { bootstrap, style, topic, payloads }) as PythonEvent[];
  }

  /** Reads events from Kafka, from the oldest on. */
  async consume(
    bootstrap: string,
    { style, topic, count }: {
      readonly style: Style;
      readonly topic: string;
      readonly count: number;
    },
  ): Promise<readonly PythonRecord[]> {
    return await this.#ask("consume", { bootstrap, style, topic, count }) as PythonRecord[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#process.status;
    await this.#output.cancel();
  }

  async #ask(command: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify([command, args])}\n`));
    const { value, done } = await this.#output.read();
    if (done) throw new Error("The Python service has ended");
    const answer: { readonly result?: unknown; readonly error?: string } = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }
}
