/**
 * The server that the claims need: routes with a replay log, behind a proxy that breaks answers off.
 *
 * @module
 */

import { Hono } from "hono";
import { cors } from "hono/cors";
import { bootstrap, handlers } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";
import { memoryReplayLog } from "../../../src/stream/mod.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { Count, Fail, Forget, itemOf, ReadEnd, ReadStarts, Rename, Wait } from "./messages.ts";

/** What the claims need to be told. */
export interface ClientServer extends AsyncDisposable {
  /** The address that the claims are tried at. */
  readonly url: string;
}

/** How long {@linkcode ReadEnd} waits: less than the grace period of the replay log. */
const END_TIMEOUT_MS = 5_000;

class NotToday extends Error {}

/** Starts the server on a port of its own; pages of every origin may use it. */
export function startClientServer(): ClientServer {
  const api = createApi();
  const app = new Hono()
    .use(cors({
      origin: "*",
      allowHeaders: ["content-type", "last-event-id"],
      exposeHeaders: ["location"],
    }))
    .route("/", api)
    .route("/cut/:bytes", api)
    .route("/cuts/:bytes", api);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  const proxy = new CuttingProxy(server.addr.port);
  return {
    url: proxy.url,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

function createApi(): Hono {
  const starts = new Map<string, number>();
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const endOf = (name: string) => {
    const end = ends.get(name) ?? Promise.withResolvers<void>();
    ends.set(name, end);
    return end;
  };
  const start = (name: string) => starts.set(name, (starts.get(name) ?? 0) + 1);
  const app = bootstrap(
    handlers()
      .on(Count, async function* ({ name, to }) {
        start(name);
        for (let number = 1; number <= Number(to); number++) yield itemOf(number);
      })
      .on(Wait, async function* ({ name }, { signal }) {
        start(name);
        try {
          yield name;
          await new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason))
          );
        } finally {
          endOf(name).resolve();
        }
      })
      .on(Fail, async function* ({ name }) {
        start(name);
        yield name;
        throw new NotToday();
      })
      .on(ReadStarts, ({ name }) => starts.get(name) ?? 0)
      .on(ReadEnd, ({ name }) => endsInTime(endOf(name).promise))
      .on(Rename, (data) => data)
      .on(Forget, () => {}),
  );
  const http = routes(app, {
    replay: memoryReplayLog(),
    retryMs: 10,
    mapError: (error) => error instanceof NotToday ? { status: 409, code: "not_today" } : undefined,
  });
  return new Hono()
    .all("/count", http.sse(Count))
    .all("/count_safely", http.sse(Count, { safe: true }))
    .all("/wait", http.sse(Wait))
    .all("/fail", http.sse(Fail))
    .get("/starts", http.send(ReadStarts))
    .get("/end", http.send(ReadEnd))
    .put("/names/:id", http.send(Rename))
    .delete("/names", http.send(Forget));
}

async function endsInTime(end: Promise<void>): Promise<"aborted" | "running"> {
  const { promise: late, resolve } = Promise.withResolvers<"running">();
  const timer = setTimeout(() => resolve("running"), END_TIMEOUT_MS);
  try {
    return await Promise.race([end.then(() => "aborted" as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
