/**
 * The first example: a command, a query, a streaming request and events in one program.
 *
 * It hashes the files of a folder in a server of its own and reads the progress over HTTP, as
 * Server-Sent Events. Begin with messages.ts and app.ts; server.ts and client.ts are the two ends of
 * the wire. Everything else is about files and terminals.
 */

import { hashFilesApp } from "./app.ts";
import { demo } from "./demo.ts";
import { ReadSummary } from "./messages.ts";
import { assertFolder, readOptions, USAGE, UsageError } from "./options.ts";
import { describeRoutes, hashFilesApi } from "./server.ts";
import { Terminal } from "./terminal.ts";

async function main(terminal: Terminal, signal: AbortSignal): Promise<void> {
  const options = readOptions(Deno.args);
  if (options.help) return await terminal.print(USAGE);
  await assertFolder(options);

  const app = hashFilesApp(options.root);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    hashFilesApi(app).fetch,
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  if (!options.serve) {
    if (Deno.args.length === 0) await terminal.say("For another folder: deno task demo <folder>");
    return await demo(url, options.folder, terminal, signal);
  }
  await terminal.print(describeRoutes(url));
  await aborted(signal);
  const { files, failures } = await app.send(ReadSummary());
  await terminal.say(`Stopped. Files hashed: ${files}, unreadable: ${failures}`);
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
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

const signal = interruption();
const terminal = new Terminal(signal);
try {
  await main(terminal, signal);
} catch (error) {
  if (error instanceof Deno.errors.BrokenPipe) {
    Deno.exitCode = 141; // as SIGPIPE does: whoever read the output has enough
  } else if (!signal.aborted) {
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
    await terminal.say(error instanceof Error ? error.message : String(error));
  }
}
// At once, whatever requests are still open.
Deno.exit();
