/**
 * What the client does on every runtime, tried at the server of `server.ts`. Each runtime loads this
 * file in its own way, so it imports entry points by their paths and nothing else.
 *
 * @module
 */

import {
  HttpProblemError,
  sendRequest,
  StreamFailureError,
  StreamGoneError,
  streamItems,
  UnexpectedResponseError,
} from "../../../src/client/mod.ts";
import type { DataOf } from "../../../mod.ts";
import { parseSse } from "../../../src/stream/mod.ts";
import { Count, Fail, Forget, itemsTo, ReadEnd, ReadStarts, Rename, Wait } from "./messages.ts";

/** Tries something at a URL, with a name of its own; gives what must be the same text twice. */
type Claim = (url: string, name: string) => Promise<readonly [actual: unknown, expected: unknown]>;

/** Reads a stream to its end. */
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const received: T[] = [];
  for await (const item of items) received.push(item);
  return received;
}

/** Reads the items of a count, of which the first connection is cut after `cut` bytes. */
export async function readCut(
  url: string,
  cut: number,
  data: DataOf<typeof Count>,
): Promise<{ readonly items: unknown[]; readonly connections: number }> {
  let connections = 0;
  const items = await all(
    streamItems(`${url}/cut/${cut}/count`, Count(data), {
      backoff: () => 0,
      onStateChange({ state }) {
        if (state === "open") connections++;
      },
    }),
  );
  return { items, connections };
}

/** The URL of the run that a response streams, as its first event says it: pages may not see `Location`. */
async function runOf({ body, url }: Response): Promise<string> {
  if (body === null) throw new Error("The response has no body");
  const messages = parseSse(body);
  const { value } = await messages.next();
  // Not awaited: it takes until the response that this is a clone of is left too.
  messages.return?.().catch(() => {});
  return new URL(JSON.parse(value?.data ?? "").url, url).href;
}

/** What a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => undefined, (error) => error);
}

const claims: Readonly<Record<string, Claim>> = {
  async "sendRequest() gives the result of a query"(url, name) {
    return [await sendRequest(`${url}/starts`, ReadStarts({ name })), 0];
  },
  async "sendRequest() gives the result of a command"(url) {
    const request = Rename({ id: "u1", name: "\u00c4da \u{1f30d}" });
    const result = await sendRequest(`${url}/names/u1`, request, { method: "PUT" });
    return [result, { id: "u1", name: "\u00c4da \u{1f30d}" }];
  },
  async "sendRequest() gives undefined where there is no result"(url) {
    const result = await sendRequest(`${url}/names`, Forget({ id: "u1" }), { method: "DELETE" });
    return [result === undefined, true];
  },
  async "sendRequest() rejects with the status of an error"(url) {
    const error = await errorOf(sendRequest(`${url}/nowhere`, Forget({ id: "u1" })));
    return [error instanceof HttpProblemError && error.status, 404];
  },
  async "sendRequest() refuses what is no JSON"(url, name) {
    const request = Rename({ id: "u1", name });
    const error = await errorOf(sendRequest(`${url}/count`, request));
    return [error instanceof UnexpectedResponseError, true];
  },
  async "sendRequest() rejects with the reason of its signal"(url, name) {
    const reason = new Error("No longer needed");
    const controller = new AbortController();
    const { signal } = controller;
    const end = errorOf(sendRequest(`${url}/end`, ReadEnd({ name }), { signal }));
    controller.abort(reason);
    return [await end === reason, true];
  },
  async "streamItems() gives every item in order"(url, name) {
    return [await all(streamItems(`${url}/count`, Count({ name, to: 500 }))), itemsTo(500)];
  },
  async "streamItems() gives the items of a request that GET may start"(url, name) {
    const request = Count({ name, to: 3 });
    const items = await all(streamItems(`${url}/count_safely`, request, { method: "GET" }));
    return [items, itemsTo(3)];
  },
  async "streamItems() gives every item once when its connection is cut, and starts one run"(
    url,
    name,
  ) {
    const wanted = JSON.stringify(itemsTo(8));
    let cuts = 0;
    for (let isCut = true; isCut; cuts++) {
      const { items, connections } = await readCut(url, cuts * 61, { name, to: 8 });
      if (JSON.stringify(items) !== wanted) return [[cuts * 61, items], itemsTo(8)];
      isCut = connections > 1;
    }
    const starts = await sendRequest(`${url}/starts`, ReadStarts({ name }));
    return [[starts, cuts > 10], [cuts, true]];
  },
  async "streamItems() gives every item once when all its connections are cut"(url, name) {
    const states: string[] = [];
    const items = await all(
      streamItems(`${url}/cuts/300/count`, Count({ name, to: 8 }), {
        backoff: () => 0,
        maxAttempts: Infinity, // Bun may drop what came right before the end, and so gain nothing
        onStateChange: ({ state }) => states.push(state),
      }),
    );
    const starts = await sendRequest(`${url}/starts`, ReadStarts({ name }));
    const isCutOften = states.filter((state) => state === "reconnecting").length > 2;
    return [[items, starts, isCutOften], [itemsTo(8), 1, true]];
  },
  async "streamItems() cancels the handler when its reader leaves"(url, name) {
    for await (const item of streamItems(`${url}/wait`, Wait({ name }))) {
      if (item === name) break;
    }
    return [await sendRequest(`${url}/end`, ReadEnd({ name })), "aborted"];
  },
  async "streamItems() cancels the handler and rejects when it is aborted while it waits"(
    url,
    name,
  ) {
    const reason = new Error("No longer needed");
    const controller = new AbortController();
    const { signal } = controller;
    const stream = streamItems(`${url}/wait`, Wait({ name }), { signal });
    await stream.next();
    const pending = errorOf(stream.next());
    controller.abort(reason);
    const isReason = await pending === reason;
    const end = await sendRequest(`${url}/end`, ReadEnd({ name }));
    return [[isReason, end], [true, "aborted"]];
  },
  async "streamItems() cancels the handler when its reader leaves between two connections"(
    url,
    name,
  ) {
    const lost = Promise.withResolvers<void>();
    const stream = streamItems(`${url}/wait`, Wait({ name }), {
      backoff: () => 60_000,
      silenceMs: 500,
      onStateChange: ({ state }) => state === "reconnecting" && lost.resolve(),
    });
    await stream.next();
    const pending = stream.next();
    await lost.promise;
    await stream.return();
    const { done } = await pending;
    return [[done, await sendRequest(`${url}/end`, ReadEnd({ name }))], [true, "aborted"]];
  },
  async "streamItems() gives the items before a failure, and then throws it"(url, name) {
    const stream = streamItems(`${url}/fail`, Fail({ name }));
    const { value } = await stream.next();
    const error = await errorOf(stream.next());
    const code = error instanceof StreamFailureError && error.problem.code;
    return [[value, code], [name, "not_today"]];
  },
  async "streamItems() throws when another connection takes the run over"(url, name) {
    let run = "";
    const stream = streamItems(`${url}/wait`, Wait({ name }), {
      async fetch(url, init) {
        const response = await fetch(url, init);
        run = await runOf(response.clone());
        return response;
      },
    });
    await stream.next();
    const pending = errorOf(stream.next());
    const other = await fetch(run);
    const isGone = await pending instanceof StreamGoneError;
    await other.body?.cancel();
    await fetch(run, { method: "DELETE" });
    return [isGone, true];
  },
};

/**
 * Tries every claim at the server at `url` and returns how many there are; throws at the first that
 * does not hold.
 */
export async function clientClaims(url: string): Promise<number> {
  for (const [claim, run] of Object.entries(claims)) {
    const [actual, expected] = (await run(url, crypto.randomUUID())).map((value) =>
      JSON.stringify(value)
    );
    if (actual !== expected) throw new Error(`${claim}: ${actual} instead of ${expected}`);
  }
  return Object.keys(claims).length;
}
