/** Has a folder hashed over HTTP, and prints what the server streams. */

import { checksumLine } from "./checksum_line.ts";
import { hashFiles, readSummary } from "./client.ts";
import { Tally } from "./tally.ts";
import { ProgressLine, write } from "./terminal.ts";

/**
 * Prints hashes to stdout and everything else to stderr, until the stream ends or the signal aborts.
 *
 * @param folder The name of the folder that the server was started for.
 */
export async function demo(url: string, folder: string, signal: AbortSignal): Promise<void> {
  const tally = new Tally();
  const progress = new ProgressLine();
  const prefix = folder.endsWith("/") ? folder : `${folder}/`;
  try {
    await progress.show(`Counting the files in ${printable(folder)}`, signal);
    for await (const item of hashFiles(url, ".", signal)) {
      tally.add(item);
      if (item.kind !== "progress") await progress.clear(signal);
      if (item.kind === "total") {
        await write(Deno.stderr, `Hashing ${tally.describeTotal()}\n`, signal);
      } else if (item.kind === "file") {
        await write(Deno.stdout, checksumLine(item.sha256, prefix + item.path), signal);
      } else if (item.kind === "unreadable") {
        const path = printable(prefix + item.path);
        await write(Deno.stderr, `Cannot read ${path}: ${item.reason}\n`, signal);
      }
      await progress.show(tally.describeProgress(), signal);
    }
    await progress.clear(signal);
    const done = tally.describe(await readSummary(url));
    await write(Deno.stderr, `Hashed ${done}\n`, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    // Whoever aborts is not to wait for a reader that has stopped reading.
    const lastWords = AbortSignal.timeout(1_000);
    await progress.clear(lastWords);
    await write(Deno.stderr, `Interrupted: hashed ${tally.describe()}\n`, lastWords);
  }
}

/** Names may contain anything, also what moves the cursor. */
function printable(name: string): string {
  return name.replace(/\p{Cc}/gu, "?");
}
