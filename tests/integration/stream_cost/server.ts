// deno-lint-ignore-file no-console -- the port is printed for the test
/**
 * A server whose streams can be resumed, and which tells what they cost it: run by
 * `stream_cost_test.ts` in a process of its own.
 *
 * @module
 */

import { Hono } from "hono";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { memoryReplayLog } from "../../../src/stream/mod.ts";

/** Yields one item, then waits for what never comes. */
const Idle = streamRequest("idle").yields<string>();
/** Yields without end. */
const Flood = streamRequest("flood").yields<string>();

/** What the server tells. */
export interface ServerState {
  /** The resident memory of the process, after a garbage collection. */
  readonly rssBytes: number;
  /** What lives on the heap of JavaScript and beside it. */
  readonly heapBytes: number;
  /** The streams whose handler runs. */
  readonly running: number;
  /** The items that were yielded. */
  readonly yielded: number;
}

let running = 0;
let yielded = 0;

const app = bootstrap(
  handlers()
    .on(Idle, async function* (_data, { signal }) {
      running++;
      try {
        yield "one";
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      } finally {
        running--;
      }
    })
    .on(Flood, async function* () {
      running++;
      try {
        for (;; yielded++) yield "x".repeat(1_000) + yielded;
      } finally {
        running--;
      }
    }),
);

function state(): ServerState {
  // deno-lint-ignore no-explicit-any -- there with the flag --expose-gc
  (globalThis as any).gc();
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external, running, yielded };
}

/** Runs that come and go, each with an owner of its own, and one run of very many events. */
async function churn(): Promise<void> {
  for (let i = 0; i < 200_000; i++) {
    await log.create(`run ${i}`, `owner ${i}`);
    await log.delete(`run ${i}`, `owner ${i}`);
  }
  const writer = await log.create("long", "ada");
  const reader = await log.open("long", "ada", 0);
  for (let i = 0; i < 1_000_000; i++) {
    const reading = reader?.read();
    await writer.append({ event: "item", data: "x", isLast: false });
    await reading;
  }
}

const log = memoryReplayLog({ maxRuns: 10_000, maxBytes: 1_048_576 });
const http = routes(app, { replay: log });
/** What a stream costs that is written by hand: an item, and then nothing. */
function bare(): Response {
  let isFirst = true;
  const body = new ReadableStream({
    async pull(controller) {
      if (!isFirst) await new Promise(() => {});
      isFirst = false;
      controller.enqueue(new TextEncoder().encode('event: item\ndata: "one"\n\n'));
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const api = new Hono()
  .all("/idle", http.sse(Idle))
  .all("/flood", http.sse(Flood))
  .all("/bare", bare)
  .post("/churn", async (c) => {
    await churn();
    return c.text("done");
  })
  .get("/state", (c) => c.json(state()));
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`port ${port}`),
}, api.fetch);
