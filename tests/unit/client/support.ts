/** What the tests of this folder share: messages, and a run as a server tells it. */

import { command, query, streamRequest, type } from "../../../mod.ts";
import type { Fetch } from "../../../src/client/mod.ts";
import { encodeSseEvent } from "../../../src/stream/mod.ts";
import type { Respond, SeenRequest, ServerConnection } from "./raw_server.ts";

/** A streaming request with any data. */
export const Watch = streamRequest("watch", type<unknown>()).yields<unknown>();

/** A query with any data. */
export const Read = query("read", type<unknown>()).returns<unknown>();

/** A command with any data. */
export const Write = command("write", type<unknown>()).returns<unknown>();

/** The id of the run in these tests. */
export const RUN = "0190d4c2-8a51-4f0e-9f2f-8f6b3f1f2a11";

/** What the URL of the run is, as the server says it. */
export const RUN_URL = `?sluice_run=${RUN}`;

/** The head of an event stream, whose body ends with the connection. */
export const STREAM_HEAD = [
  "HTTP/1.1 200 OK",
  "content-type: text/event-stream",
  "connection: close",
].join("\r\n");

/** Where the run can be resumed, for the head of its first answer. */
export const LOCATION = `\r\nlocation: ${RUN_URL}`;

/** What stands between the head of an answer and its body. */
export const END_OF_HEAD = "\r\n\r\n";

/** The head of the answer that starts a run which can be resumed. */
export const RESUMABLE_HEAD = `${STREAM_HEAD}${LOCATION}${END_OF_HEAD}`;

/** The event that starts a run. */
export function startEvent(data: unknown = { run: RUN, url: RUN_URL }): string {
  return encodeSseEvent({ event: "start", id: `${RUN}:0`, data: JSON.stringify(data) });
}

/** The event of an item. */
export function itemEvent(number: number, item: unknown): string {
  return encodeSseEvent({ event: "item", id: `${RUN}:${number}`, data: JSON.stringify(item) });
}

/** The event that ends a run. */
export function lastEvent(event = "done", data: unknown = {}): string {
  return encodeSseEvent({ event, id: `${RUN}:end`, data: JSON.stringify(data) });
}

/** The event for a client that comes back too late. */
export function goneEvent(problem: unknown = { status: 410, code: "stream_gone" }): string {
  return encodeSseEvent({ event: "stream_gone", id: "gone", data: JSON.stringify(problem) });
}

/** A whole run, event by event. */
export function eventsOf(items: readonly unknown[]): string[] {
  return [startEvent(), ...items.map((item, index) => itemEvent(index + 1, item)), lastEvent()];
}

/** How many events a request has seen already. */
export function eventsSeenBy({ headers }: SeenRequest): number {
  const lastEventId = headers.get("last-event-id");
  return lastEventId === null ? 0 : Number(lastEventId.slice(RUN.length + 1)) + 1;
}

/** An answer with a status and nothing else. */
export function bareAnswer(status: number, headers = ""): string {
  return `HTTP/1.1 ${status} X\r\n${headers}content-length: 0\r\nconnection: close\r\n\r\n`;
}

/** Answers the cancellation of a run. */
export async function answerDelete(connection: ServerConnection): Promise<void> {
  await connection.write(bareAnswer(204));
}

/** Answers `DELETE`, and leaves everything else to `respond`. */
export function withDelete(respond: Respond): Respond {
  return (request, connection) =>
    request.method === "DELETE" ? answerDelete(connection) : respond(request, connection);
}

/** A `fetch` that writes down what it sends. */
export function recordingFetch(): {
  readonly fetch: Fetch;
  readonly inits: readonly RequestInit[];
  /** Resolves when every request has been answered, or has failed. */
  readonly settled: () => Promise<void>;
} {
  const inits: RequestInit[] = [];
  const pending: Promise<unknown>[] = [];
  return {
    inits,
    fetch(url, init) {
      inits.push(init);
      const response = fetch(url, init);
      pending.push(response);
      return response;
    },
    async settled() {
      await Promise.allSettled(pending);
    },
  };
}
