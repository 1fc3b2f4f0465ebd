import { bootstrap, handlers, streamRequest } from "@sluice/cqrs";
import { routes } from "@sluice/cqrs/hono";
import { memoryReplayLog } from "@sluice/cqrs/stream";
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { z } from "zod";

const Count = streamRequest("count", z.object({ to: z.coerce.number() })).yields<{ n: number }>();

async function* count({ to }: { to: number }): AsyncGenerator<{ n: number }> {
  for (let n = 0; n < to; n++) yield { n };
}

/** One event for each chunk, as it is written by hand. */
function byHand(c: Context): Response {
  const items = count({ to: Number(c.req.param("to")) });
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await items.next();
      if (done === true) return controller.close();
      const text = `event: item\nid: ${value.n}\ndata: ${JSON.stringify(value)}\n\n`;
      controller.enqueue(encoder.encode(text));
    },
    async cancel() {
      await items.return(undefined);
    },
  }, { highWaterMark: 0 });
  return c.body(body, 200, { "content-type": "text/event-stream" });
}

/** The helper that Hono brings. */
function withHelper(c: Context): Response {
  return streamSSE(c, async (stream) => {
    for await (const item of count({ to: Number(c.req.param("to")) })) {
      await stream.writeSSE({ event: "item", id: String(item.n), data: JSON.stringify(item) });
    }
  });
}

const http = routes(bootstrap(handlers().on(Count, count)), { safe: true });
const api = new Hono()
  .get("/sluice/:to", http.sse(Count))
  .get("/resumable/:to", http.sse(Count, { replay: memoryReplayLog() }))
  .get("/hand/:to", byHand)
  .get("/helper/:to", withHelper);

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
server.unref();

/** Reads a stream of `events` to its end on each of `clients` connections. */
async function read(way: string, clients: number, events: number): Promise<void> {
  const url = `http://127.0.0.1:${server.addr.port}/${way}/${events}`;
  await Promise.all(Array.from({ length: clients }, async () => {
    const response = await fetch(url);
    for await (const _chunk of response.body ?? []);
  }));
}

const ways = {
  "a ReadableStream by hand, one event for each chunk": "hand",
  "routes(app).sse": "sluice",
  "routes(app).sse, resumable": "resumable",
  "streamSSE of Hono": "helper",
};

for (const [clients, events] of [[1, 20_000], [200, 100]] as const) {
  for (const [name, way] of Object.entries(ways)) {
    Deno.bench({
      name,
      group: `20,000 events over loopback, ${clients} client${clients > 1 ? "s" : ""}`,
      baseline: way === "hand",
      fn: async () => {
        await read(way, clients, events);
      },
    });
  }
}
