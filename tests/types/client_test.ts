import { Hono } from "hono";
import { z } from "zod";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  query,
  streamRequest,
  type,
} from "../../mod.ts";
import {
  type ConnectionState,
  type Fetch,
  HttpProblemError,
  type RemoteItemStream,
  sendRequest,
  type SendRequestOptions,
  streamItems,
  type StreamItemsOptions,
} from "../../src/client/mod.ts";
import { routes, type SseRouteOptions } from "../../src/hono/mod.ts";
import { compiled, type Equals, expectType } from "./equals.ts";

const Hash = streamRequest("hash", type<{ folder: string }>()).yields<{ sha256: string }>();
const Watch = streamRequest("watch").yields(z.object({ at: z.number() }));
const Read = query("meeting.read", z.object({ meetingId: z.string() })).returns<string[]>();
const Open = command("meeting.open", type<{ title: string }>()).returns<{ id: string }>();
const Close = command("meeting.close");
const Joined = domainEvent("meeting.joined");

const url = "https://a.example";

Deno.test("streamItems() gives the items of its request", () => {
  compiled(async () => {
    const hashes = streamItems(url, Hash({ folder: "a" }));
    expectType<Equals<typeof hashes, RemoteItemStream<{ sha256: string }>>>();
    for await (const item of hashes) expectType<Equals<typeof item, { sha256: string }>>();
    const result = await hashes.next();
    if (result.done) expectType<Equals<typeof result.value, void>>();
    else expectType<Equals<typeof result.value, { sha256: string }>>();
    for await (const { at } of streamItems(new URL(url), Watch())) {
      expectType<Equals<typeof at, number>>();
    }
  });
});

Deno.test("streamItems() gives a disposable iterator", () => {
  compiled(async () => {
    await using stream = streamItems(url, Watch());
    const iterator: AsyncIterableIterator<{ at: number }, void, void> = stream;
    void iterator;
  });
});

Deno.test("sendRequest() resolves to the result of its request", () => {
  compiled(async () => {
    const members = await sendRequest(url, Read({ meetingId: "m1" }));
    expectType<Equals<typeof members, string[]>>();
    const opened = await sendRequest(url, Open({ title: "t" }));
    expectType<Equals<typeof opened, { id: string }>>();
    const closed = await sendRequest(url, Close());
    expectType<Equals<typeof closed, void>>();
  });
});

Deno.test("streamItems() and sendRequest() refuse each other's messages, and definitions", () => {
  compiled(() => {
    // @ts-expect-error A query gives no items.
    streamItems(url, Read({ meetingId: "m1" }));
    // @ts-expect-error A stream has no result.
    sendRequest(url, Watch());
    // @ts-expect-error An event is answered by nobody.
    sendRequest(url, Joined());
    // @ts-expect-error A definition is no message.
    streamItems(url, Watch);
    // @ts-expect-error A definition is no message.
    sendRequest(url, Close);
  });
});

Deno.test("deserialize gives what the request promises", () => {
  compiled(() => {
    streamItems(url, Watch(), { deserialize: (text) => ({ at: Number(text) }) });
    sendRequest(url, Read({ meetingId: "m1" }), { deserialize: (text) => [text] });
    // @ts-expect-error The items are no texts.
    streamItems(url, Watch(), { deserialize: (text) => text });
    // @ts-expect-error The result is no number.
    sendRequest(url, Read({ meetingId: "m1" }), { deserialize: Number });
  });
});

Deno.test("methods are those that the routes know", () => {
  compiled(() => {
    streamItems(url, Watch(), { method: "GET" });
    sendRequest(url, Close(), { method: "DELETE" });
    // @ts-expect-error DELETE cancels a run.
    streamItems(url, Watch(), { method: "DELETE" });
    // @ts-expect-error HEAD has no answer.
    sendRequest(url, Close(), { method: "HEAD" });
  });
});

Deno.test("fetch may be that of the runtime, of Hono, and one's own", () => {
  const api = new Hono();
  const own: Fetch = (_url, init) => new Response(init.method);
  const fetches: readonly Fetch[] = [fetch, globalThis.fetch, api.request, own];
  void fetches;
});

Deno.test("headers may be anything that fetch takes, or a function that gives it", () => {
  const options: readonly SendRequestOptions<void>[] = [
    { headers: { a: "b" } },
    { headers: [["a", "b"]] },
    { headers: new Headers() },
    { headers: () => ({ a: "b" }) },
    { headers: async () => new Headers(await Promise.resolve({ a: "b" })) },
    { headers: undefined, signal: undefined, credentials: undefined, fetch: undefined },
  ];
  void options;
});

Deno.test("the names of the events fit those of the route", () => {
  const app = bootstrap(handlers().on(Watch, async function* () {}));
  const eventNames = {
    start: "begin",
    item: ({ at }: { at: number }) => `item${at}`,
    done: "end",
    "stream_gone": "gone",
  };
  const route: SseRouteOptions<{ at: number }> = { eventNames };
  const client: StreamItemsOptions<{ at: number }> = { eventNames };
  routes(app).sse(Watch, route);
  compiled(() => streamItems(url, Watch(), client));
});

Deno.test("ConnectionState tells its members by its state", () => {
  compiled(() => {
    streamItems(url, Watch(), {
      onStateChange(state) {
        expectType<Equals<typeof state, ConnectionState>>();
        if (state.state === "reconnecting") {
          expectType<Equals<typeof state.delayMs, number>>();
          if (state.cause instanceof HttpProblemError) {
            expectType<Equals<typeof state.cause.problem.detail, string | undefined>>();
          }
        } // @ts-expect-error An open connection has no delay.
        else void state.delayMs;
      },
    });
  });
});

Deno.test("streamItems() and sendRequest() give what JSON leaves of a date, unless deserialize makes one", () => {
  const Times = streamRequest("times").yields<{ at: Date }>();
  const ReadTime = query("time.read").returns<Date>();
  compiled(async () => {
    for await (const item of streamItems(url, Times())) {
      expectType<Equals<typeof item, { at: string }>>();
    }
    const time = await sendRequest(url, ReadTime());
    expectType<Equals<typeof time, string>>();
    const date = await sendRequest(url, ReadTime(), {
      deserialize: (text) => new Date(JSON.parse(text)),
    });
    expectType<Equals<typeof date, Date>>();
    const items = streamItems(url, Times(), { deserialize: (text) => ({ at: new Date(text) }) });
    expectType<Equals<typeof items, RemoteItemStream<{ at: Date }>>>();
  });
});
