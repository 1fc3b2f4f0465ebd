/**
 * Runs `examples/hash_files` as the task `demo` does: in a process of its own, with the permissions
 * that `deno.json` gives it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { readSettings, root } from "../architecture/repository.ts";

/** How a process is started. */
export interface DemoOptions {
  /** The arguments of the demo. */
  readonly args?: readonly string[];
  /** The folder where the user stands. */
  readonly cwd: string;
  /** What Deno is to refuse to read. */
  readonly denyRead?: readonly string[];
}

/** A process that runs. */
export interface DemoProcess extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: Output;
  readonly stderr: Output;
  kill(signal: Deno.Signal): void;
  /** Resolves to the exit code, when everything has been read. */
  readonly exitCode: Promise<number>;
}

/** Starts the demo. */
export async function startDemo(options: DemoOptions): Promise<DemoProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: await demoArgs(options),
    cwd: root,
    env: { INIT_CWD: options.cwd, NO_COLOR: "1", NO_PROXY: "127.0.0.1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = new Output(child.stdout);
  const stderr = new Output(child.stderr);
  return {
    pid: child.pid,
    stdout,
    stderr,
    kill: (signal) => child.kill(signal),
    exitCode: Promise.all([child.status, stdout.ended, stderr.ended]).then(([{ code }]) => code),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await Promise.all([child.status, stdout.ended, stderr.ended]);
    },
  };
}

/** What `deno` is started with: the task's own words, and the test's. */
async function demoArgs({ args = [], denyRead = [] }: DemoOptions): Promise<string[]> {
  const { tasks } = await readSettings();
  const words = tasks.demo?.command?.split(" ") ?? [];
  const [script = "", ...flags] = words.slice(words.indexOf("deno") + 1).reverse();
  const denied = denyRead.map((path) => `--deny-read=${path}`);
  return [...flags.reverse(), "--no-prompt", ...denied, script, ...args];
}

/** Runs the demo to its end. */
export async function runDemo(
  options: DemoOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using demo = await startDemo(options);
  const code = await demo.exitCode;
  return { code, stdout: demo.stdout.text, stderr: demo.stderr.text };
}

/** What a process has printed so far. */
export class Output {
  /** All of it. */
  text = "";
  /** Resolves when there will be no more. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #changed = Promise.withResolvers<void>();
  #isOver = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.ended = this.#read();
  }

  /** Waits until the text matches. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      if (this.#isOver) throw new Error(`The output ended before ${pattern}: ${this.text}`);
      await this.#changed.promise;
    }
  }

  /** Closes the pipe, as `head` does when it has enough. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { value, done } = await this.#reader.read();
      this.text += decoder.decode(value, { stream: !done });
      this.#isOver = done;
      this.#changed.resolve();
      if (done) return;
      this.#changed = Promise.withResolvers();
    }
  }
}

/** A folder that is deleted afterwards. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** Writes a file, and the folders on the way to it. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Makes a file of zeros that takes no room, and the folders on the way to it. */
  writeSparse(name: string, bytes: number): Promise<void>;
}

/** Makes an empty folder. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice_" }));
  async function write(name: string, content: string | Uint8Array): Promise<void> {
    const file = `${path}/${name}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(file, content);
    else await Deno.writeFile(file, content);
  }
  return {
    path,
    write,
    async writeSparse(name, bytes) {
      await write(name, "");
      await Deno.truncate(`${path}/${name}`, bytes);
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** Runs another program; resolves to what it printed, or to undefined if there is no such program. */
export async function runProgram(
  name: string,
  args: readonly string[],
  cwd?: string,
): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command(name, {
      args: [...args],
      cwd: cwd ?? fileURLToPath(root),
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
