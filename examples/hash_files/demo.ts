/** Has a folder hashed over HTTP, and prints what the server streams. */

import { sendRequest, streamItems } from "@sluice/cqrs/client";
import { checksumLine } from "./checksum_line.ts";
import { HashFiles, ReadNotices, ReadSummary } from "./messages.ts";
import { Tally } from "./tally.ts";
import { printable, type Terminal } from "./terminal.ts";

/**
 * Prints hashes and news until the stream ends or the signal aborts.
 *
 * @param folder The name that the server's folder has for the user.
 */
export async function demo(
  url: string,
  folder: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const tally = new Tally();
  const prefix = folder.endsWith("/") ? folder : `${folder}/`;
  try {
    await terminal.say(`Counting the files in ${printable(folder)}`);
    for await (const item of streamItems(`${url}/hashes`, HashFiles({ folder: "." }), { signal })) {
      tally.add(item);
      if (item.kind === "total") {
        await terminal.say(`Hashing ${tally.describeTotal()}`);
      } else if (item.kind === "file") {
        await terminal.print(checksumLine(item.sha256, prefix + item.path));
      } else if (item.kind === "unreadable") {
        await terminal.say(`Cannot read ${printable(prefix + item.path)}: ${item.reason}`);
      }
      await terminal.showProgress(tally.describeProgress());
    }
    const summary = await sendRequest(`${url}/summary`, ReadSummary(), { signal });
    const notices = await sendRequest(`${url}/notices`, ReadNotices(), { signal });
    await terminal.say(`Hashed ${tally.describe(summary)}`);
    await terminal.say(`Received through the outbox: ${notices} of ${summary.files} notices`);
  } catch (error) {
    if (!signal.aborted) throw error;
    await terminal.say(`Interrupted: hashed ${tally.describe()}`);
  }
}
