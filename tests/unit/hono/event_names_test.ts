import { Hono } from "hono";
import assert from "node:assert/strict";
import { z } from "zod";
import { bootstrap, handlers, streamRequest, type } from "../../../mod.ts";
import { type EventNames, routes, type SseRouteOptions } from "../../../src/hono/mod.ts";
import { memoryReplayLog } from "../../../src/stream/mod.ts";
import { checkedProblem, eventNamesOf, eventsOf } from "./support.ts";

interface Item {
  readonly kind: string;
}

const Watch = streamRequest("watch", type<unknown>()).yields<Item>();

/** A route that streams items of the given kinds and then fails, if it is asked to. */
function watching(
  options: SseRouteOptions<Item>,
  { kinds = ["a", "b"], isFailing = false, shared = {} }: {
    readonly kinds?: readonly string[];
    readonly isFailing?: boolean;
    readonly shared?: SseRouteOptions;
  } = {},
) {
  const steps: string[] = [];
  const app = bootstrap(
    handlers().on(Watch, async function* () {
      try {
        for (const kind of kinds) yield await Promise.resolve({ kind });
        if (isFailing) throw new Error("secret");
        steps.push("went on");
      } finally {
        steps.push("ended");
      }
    }),
  );
  return { api: new Hono().all("/", routes(app, shared).sse(Watch, options)), steps };
}

const post = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };

Deno.test("eventNames gives all events of a run other names", async () => {
  const eventNames = { start: "begin", item: "message", done: "bye", failure: "oh" };
  const { api } = watching({ eventNames });
  assert.deepEqual(await eventNamesOf(await api.request("/", post)), [
    "begin",
    "message",
    "message",
    "bye",
  ]);
  const { api: failing } = watching({ eventNames }, { kinds: [], isFailing: true });
  assert.deepEqual(await eventNamesOf(await failing.request("/", post)), ["begin", "oh"]);
});

Deno.test("eventNames leaves alone what it does not name", async () => {
  const { api } = watching({ eventNames: { item: "file" } });
  assert.deepEqual(await eventNamesOf(await api.request("/", post)), [
    "start",
    "file",
    "file",
    "done",
  ]);
});

Deno.test("eventNames of a route are added to those of all routes, and win", async () => {
  const shared = { eventNames: { start: "begin", item: "thing" } };
  const { api } = watching({ eventNames: { item: "file", done: "bye" } }, { shared });
  assert.deepEqual(await eventNamesOf(await api.request("/", post)), [
    "begin",
    "file",
    "file",
    "bye",
  ]);
});

Deno.test("eventNames gives an item a name of its own", async () => {
  const { api } = watching({ eventNames: { item: ({ kind }) => `item.${kind}` } });
  assert.deepEqual(await eventNamesOf(await api.request("/", post)), [
    "start",
    "item.a",
    "item.b",
    "done",
  ]);
});

Deno.test("eventNames keeps the ids of the events", async () => {
  const { api } = watching({ eventNames: { done: "bye" } });
  const last = (await eventsOf(await api.request("/", post))).at(-1);
  assert.match(last?.lastEventId ?? "", /^[\w-]{36}:end$/);
  const headers = { "last-event-id": last?.lastEventId ?? "" };
  assert.equal((await api.request("/", { headers })).status, 204);
});

Deno.test("eventNames names the event that tells of a run which is gone", async () => {
  const { api } = watching({ eventNames: { stream_gone: "gone" } });
  const response = await api.request("/", { headers: { "last-event-id": "run:7" } });
  assert.deepEqual(await eventNamesOf(response), ["gone"]);
});

Deno.test("eventNames holds for a run that is resumed", async () => {
  const eventNames: EventNames<Item> = { item: ({ kind }) => kind, "stream_gone": "gone" };
  const { api } = watching({ eventNames, replay: memoryReplayLog() });
  const [start] = await eventsOf(await api.request("/", post));
  const headers = { "last-event-id": start?.lastEventId ?? "" };
  const again = await api.request("/", { headers });
  assert.deepEqual((await eventNamesOf(again)).slice(0, 2), ["a", "b"]);
  const unknown = await api.request("/", { headers: { "last-event-id": "x:1" } });
  assert.deepEqual(await eventNamesOf(unknown), ["gone"]);
});

const refused: ReadonlyArray<readonly [string, EventNames]> = [
  ["error", { failure: "error" }],
  ["open", { start: "open" }],
  ["an empty name", { done: "" }],
  ["LF", { item: "a\nb" }],
  ["CR", { stream_gone: "a\rb" }],
  ["a name twice", { start: "x", done: "x" }],
  ["the name of another event that keeps its own", { item: "done" }],
];

for (const [what, eventNames] of refused) {
  Deno.test(`eventNames refuses ${what}, for all routes and for one`, () => {
    const [event] = Object.keys(eventNames).slice(-1);
    const error = { name: "RangeError", message: new RegExp(`^Cannot make routes: .*${event}`) };
    assert.throws(() => watching({ eventNames }), error);
    assert.throws(() => watching({}, { shared: { eventNames } }), error);
  });
}

Deno.test("eventNames refuses a name that is no text", () => {
  // @ts-expect-error -- JavaScript can
  assert.throws(() => watching({ eventNames: { start: 1 } }), { name: "RangeError" });
  // @ts-expect-error -- JavaScript can
  assert.throws(() => watching({ eventNames: { item: null } }), { name: "RangeError" });
});

Deno.test("eventNames refuses a name of a route that is one of all routes", () => {
  const shared = { eventNames: { start: "x" } };
  assert.throws(() => watching({ eventNames: { done: "x" } }, { shared }), { name: "RangeError" });
});

for (const kind of ["error", "open", "", "a\nb", "done", "start", "failure", "stream_gone"]) {
  Deno.test(`eventNames ends a run with a failure when an item is called ${JSON.stringify(kind)}, and with the handler`, async () => {
    const told: unknown[] = [];
    const { api, steps } = watching({
      eventNames: { item: (item) => item.kind },
      onError: (error) => void told.push(error),
    }, { kinds: ["a", kind, "b"] });
    const events = await eventsOf(await api.request("/", post));
    assert.deepEqual(events.map(({ event }) => event), ["start", "a", "failure"]);
    assert.equal(checkedProblem(events[2]?.data ?? "", 500).code, "internal");
    assert.deepEqual(steps, ["ended"]);
    assert.match(String(told[0]), /^RangeError: Cannot name an item/);
  });
}

Deno.test("serialize gives the data of the items, and of nothing else", async () => {
  const { api } = watching({ serialize: ({ kind }) => `<b>${kind}</b>\r\n<i>` });
  const events = await eventsOf(await api.request("/", post));
  assert.deepEqual(events.slice(1).map(({ data }) => data), [
    "<b>a</b>\n<i>",
    "<b>b</b>\n<i>",
    "{}",
  ]);
});

Deno.test("serialize and eventNames get an item as its schema has left it", async () => {
  const Narrow = streamRequest("narrow").yields(z.object({ n: z.number() }));
  const stored = { n: 1, password: "secret" };
  const http = routes(bootstrap(
    handlers().on(Narrow, async function* () {
      yield await Promise.resolve(stored);
    }),
  ));
  const text = (item: object) => Object.keys(item).join();
  const api = new Hono().post(
    "/",
    http.sse(Narrow, { serialize: text, eventNames: { item: text } }),
  );
  const [, item] = await eventsOf(await api.request("/", { method: "POST" }));
  assert.deepEqual([item?.event, item?.data], ["n", "n"]);
});

const broken: ReadonlyArray<readonly [string, () => string]> = [
  ["throws", () => {
    throw new Error("secret");
  }],
  // @ts-expect-error -- JavaScript can
  ["gives nothing", () => undefined],
  // @ts-expect-error -- JavaScript can
  ["gives no text", () => ({ toString: () => "x" })],
];

for (const [what, serialize] of broken) {
  Deno.test(`serialize that ${what} ends the run with a failure, and with the handler`, async () => {
    const { api, steps } = watching({ serialize });
    const events = await eventsOf(await api.request("/", post));
    assert.deepEqual(events.map(({ event }) => event), ["start", "failure"]);
    assert.doesNotMatch(events[1]?.data ?? "", /secret/);
    assert.deepEqual(steps, ["ended"]);
  });
}
