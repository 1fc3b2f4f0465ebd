/** The other end of the routes: what a program somewhere else would do. */

import { parseSse } from "@sluice/cqrs/stream";
import type { HashItem, Summary } from "./messages.ts";

/** Has the files of a folder hashed. Leaving the loop, or aborting the signal, stops the server's work. */
export async function* hashFiles(
  url: string,
  folder: string,
  signal?: AbortSignal,
): AsyncGenerator<HashItem> {
  const response = await fetch(`${url}/hashes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ folder }),
    signal: signal ?? null,
  });
  if (!response.ok || response.body === null) throw new Error(await detailOf(response));
  for await (const { event, data } of parseSse(response.body)) {
    if (event === "item") yield JSON.parse(data);
    if (event === "failure") throw new Error(JSON.parse(data).detail);
    if (event === "done") return;
  }
  throw new Error("The stream broke off");
}

/** Reads what has been hashed so far. */
export async function readSummary(url: string, signal?: AbortSignal): Promise<Summary> {
  const response = await fetch(`${url}/summary`, { signal: signal ?? null });
  if (!response.ok) throw new Error(await detailOf(response));
  return await response.json();
}

/** What a problem (RFC 9457) says. */
async function detailOf(response: Response): Promise<string> {
  const { detail } = await response.json();
  return `${response.status}: ${detail}`;
}
