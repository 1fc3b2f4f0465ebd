/**
 * Starts relays and other programs in processes of their own, and tells them what to do.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";
import type { RelayTask } from "./relay_process.ts";

/** Something that a relay process has said. */
export interface Said {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A program of the tests in a process of its own. */
export interface TestProcess extends AsyncDisposable {
  /** Everything that it has said so far. */
  readonly said: readonly Said[];
  /** Resolves when it has said this; rejects if it ends before. */
  says(event: string): Promise<Said>;
  kill(signal: Deno.Signal): void;
  /** Resolves when it has ended, to the signal that killed it, or to its exit code. */
  readonly ended: Promise<Deno.Signal | number>;
}

/** A relay in a process of its own. */
export type RelayProcess = TestProcess;

/** Starts a relay. */
export function startRelay(task: RelayTask): RelayProcess {
  return startProgram(new URL("relay_process.ts", import.meta.url), task);
}

/** Starts a program that takes its task as JSON, and says what it does in lines of JSON. */
export function startProgram({ pathname: program }: URL, task: object): TestProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", program, JSON.stringify(task)],
    env: { NO_PROXY: "127.0.0.1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const said: Said[] = [];
  const waiting = new Set<() => void>();
  let isOver = false;
  const reading = (async () => {
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      said.push(JSON.parse(line));
      for (const wake of waiting) wake();
    }
    isOver = true;
    for (const wake of waiting) wake();
  })();
  const ended = Promise.all([child.status, reading])
    .then(([{ signal, code }]) => signal ?? code);
  return {
    said,
    ended,
    async says(event) {
      while (true) {
        const found = said.find((line) => line.event === event);
        if (found !== undefined) return found;
        if (isOver) throw new Error(`The process has ended and never said "${event}"`);
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await ended;
    },
  };
}
