/**
 * The first example: a command, a query, a streaming request and events in one program.
 *
 * It hashes the files of a folder in a server of its own and reads the progress over HTTP, as
 * Server-Sent Events. Begin with messages.ts and app.ts; server.ts and client.ts are the two ends of
 * the wire. Everything else is about files and terminals.
 */

import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hashFilesApp } from "./app.ts";
import { demo } from "./demo.ts";
import { hashFilesApi } from "./server.ts";
import { printable, Terminal } from "./terminal.ts";

const USAGE = `Usage: deno task demo [folder]
       deno task demo --serve [folder]

Prints the SHA-256 of every file in a folder and in the folders below it, as sha256sum does.
Without a folder it takes the source of the library.

  --serve  Serves the folder over HTTP until it is interrupted
  --help   Prints this text
`;

interface Options {
  folder: string | undefined;
  serve: boolean;
  help: boolean;
}

/** Something that the user can put right. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

async function main(terminal: Terminal, signal: AbortSignal): Promise<void> {
  const options = readOptions(Deno.args);
  if (options.help) return await terminal.print(USAGE);
  // `deno task` changes to the folder of deno.json, and leaves here where the user is.
  const here = Deno.env.get("INIT_CWD") ?? Deno.cwd();
  const folder = options.folder ?? (relative(here, sourceFolder()) || ".");
  const root = resolve(here, folder);
  await assertFolder(root, folder);

  const api = hashFilesApi(hashFilesApp(root));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  const url = `http://127.0.0.1:${server.addr.port}`;
  if (options.serve) {
    await terminal.print(describeRoutes(url, folder));
    return await aborted(signal);
  }
  if (options.folder === undefined) {
    await terminal.say("For another folder: deno task demo <folder>");
  }
  await demo(url, folder, terminal, signal);
}

function readOptions(args: string[]): Options {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { serve: { type: "boolean" }, help: { type: "boolean" } },
    });
    const [folder, ...others] = positionals;
    if (others.length > 0) throw new UsageError("There is one folder at most");
    return { folder, serve: values.serve ?? false, help: values.help ?? false };
  } catch (error) {
    throw new UsageError(`${messageOf(error)}\n\n${USAGE.trimEnd()}`);
  }
}

function sourceFolder(): string {
  return fileURLToPath(new URL("../../src", import.meta.url));
}

async function assertFolder(path: string, name: string): Promise<void> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (name === "" || !info?.isDirectory) {
    throw new UsageError(`There is no folder "${printable(name)}"`);
  }
}

function describeRoutes(url: string, folder: string): string {
  return `Serving ${printable(folder)} at ${url} until Ctrl-C

Hash a folder in it:  curl -N ${url}/hashes -H 'content-type: application/json' -d '{"folder": "."}'
Read the summary:     curl ${url}/summary
Clear the summary:    curl -X DELETE ${url}/summary
`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Aborts when the process is asked to end, which then exits with the code that shells know. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  function onSignal(name: Deno.Signal, exitCode: number): void {
    Deno.addSignalListener(name, () => {
      Deno.exitCode = exitCode;
      controller.abort();
    });
  }
  onSignal("SIGINT", 130);
  if (Deno.build.os !== "windows") onSignal("SIGTERM", 143);
  return controller.signal;
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

const signal = interruption();
const terminal = new Terminal(signal);
try {
  await main(terminal, signal);
} catch (error) {
  if (error instanceof Deno.errors.BrokenPipe) {
    Deno.exitCode = 141; // as SIGPIPE does: whoever read the output has enough
  } else if (!signal.aborted) {
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
    await terminal.say(messageOf(error));
  }
}
// At once, whatever requests are still open.
Deno.exit();
