/**
 * The first example: a command, a query, a streaming request, events and an outbox in one program.
 *
 * It hashes the files of a folder in a server of its own and reads the progress over HTTP, as
 * Server-Sent Events; notices of the hashes reach a consumer through an outbox (notices.ts). Begin
 * with messages.ts and app.ts; server.ts and demo.ts are the two ends of the wire, and page/page.ts is
 * the other end in a browser. Everything else is about files,
 * terminals and pages.
 */

import { Hono } from "hono";
import { hashFilesApp } from "./app.ts";
import { demo } from "./demo.ts";
import { ReadSummary } from "./messages.ts";
import { type Notices, startNotices } from "./notices.ts";
import { assertFolder, readOptions, USAGE, UsageError } from "./options.ts";
import { describeOutcome } from "./outcome.ts";
import { pageFiles } from "./page_files.ts";
import { describeRoutes, hashFilesApi } from "./server.ts";
import { Terminal } from "./terminal.ts";

async function main(terminal: Terminal, signal: AbortSignal): Promise<void> {
  const options = readOptions(Deno.args);
  if (options.help) return await terminal.print(USAGE);
  await assertFolder(options);

  const notices = startNotices();
  if (options.serve) return await serve(options.root, notices, terminal, signal);
  const url = listen(hashFilesApi(hashFilesApp(options.root, notices)));
  if (Deno.args.length === 0) await terminal.say("For another folder: deno task demo <folder>");
  await demo(url, options.folder, terminal, signal);
}

/** Serves the page and the routes until the signal aborts, and says how the requests end. */
async function serve(
  root: string,
  notices: Notices,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const app = hashFilesApp(root, notices, (event) => {
    const outcome = describeOutcome(event);
    if (outcome !== undefined) terminal.say(outcome).catch(() => {});
  });
  await terminal.print(describeRoutes(listen(hashFilesApi(app).route("/", pageFiles()))));
  await aborted(signal);
  const { files, failures } = await app.send(ReadSummary());
  await terminal.say(`Stopped. Files hashed: ${files}, unreadable: ${failures}`);
}

/** Starts a server on a port that is free; gives its address. */
function listen(api: Hono): string {
  // Other names may lead here too: a page of somebody else must not reach the files by its own.
  const local = new Hono().use(async (c, next) => {
    const { hostname } = new URL(c.req.url);
    if (hostname !== "127.0.0.1" && hostname !== "localhost") return c.text("Not here", 421);
    return await next();
  }).route("/", api);
  const { addr } = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, local.fetch);
  return `http://127.0.0.1:${addr.port}`;
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
