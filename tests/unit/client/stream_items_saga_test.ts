import assert from "node:assert/strict";
import {
  type Fetch,
  StreamFailureError,
  streamItems,
  UnexpectedResponseError,
} from "../../../src/client/mod.ts";
import { openHouse, openServer, type Server } from "../hono/saga_support.ts";
import { RawServer, soon } from "./raw_server.ts";
import {
  eventsSeenBy,
  itemEvent,
  lastEvent,
  RESUMABLE_HEAD,
  RUN,
  RUN_URL,
  startEvent,
  Watch,
} from "./support.ts";

const start = startEvent({ run: RUN, url: RUN_URL, kind: "saga" });
const options = { backoff: () => 0 };

/** A `fetch` that asks one server first, whose answer breaks off after a number of items, and then another. */
function cutting(first: Server, count: number, second: Server): Fetch {
  let isFirst = true;
  return async (url, init) => {
    if (!isFirst) return await second.api.request(url, init);
    isFirst = false;
    const response = await first.api.request(url, init);
    let items = 0;
    const cut = new TransformStream<string, string>({
      transform(text, controller) {
        controller.enqueue(text);
        items += text.split("event: item").length - 1;
        if (items >= count) controller.error(new TypeError("The connection broke"));
      },
    });
    const body = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(cut)
      .pipeThrough(new TextEncoderStream()) ?? null;
    return new Response(body, response);
  };
}

Deno.test("streamItems() gives the progress of a saga, through JSON", async () => {
  const { api, Order } = openServer();
  const items = streamItems("/orders", Order({ item: "lamp" }), { fetch: api.request });
  const results: string[] = [];
  for await (const item of items) {
    results.push(`${item.name} ${item.status}`);
    if (item.name === "charge" && item.status === "completed") assert.equal(item.result.cents, 5);
  }
  assert.deepEqual(results, ["reserve completed", "charge completed", "ship completed"]);
});

Deno.test("streamItems() throws when a saga fails, after its items", async () => {
  const { api, Order } = openServer({
    hook(step) {
      if (step === "charge") throw new Error("secret");
    },
  });
  const results: string[] = [];
  await assert.rejects(async () => {
    const items = streamItems("/orders", Order({ item: "lamp" }), { fetch: api.request });
    for await (const { name, status } of items) results.push(`${name} ${status}`);
  }, (error) => error instanceof StreamFailureError && error.problem.code === "saga_failed");
  assert.deepEqual(results, ["reserve completed", "charge failed", "reserve compensated"]);
});

Deno.test("streamItems() goes on with a saga at another server when the first has died", async () => {
  const house = openHouse();
  const never = new Promise<void>(() => {});
  const died = Promise.withResolvers<void>();
  const first = openServer({
    house,
    isFrozen: true,
    hook(step) {
      if (step !== "ship") return;
      died.resolve();
      return never;
    },
  });
  const second = openServer({ house });
  const fetch = cutting(first, 2, second);
  const items = Array.fromAsync(
    streamItems("/orders", second.Order({ item: "lamp" }), { ...options, fetch }),
  );
  await died.promise;
  await house.clock.advance(30_000);
  await second.recover();
  assert.deepEqual((await items).map(({ name, status }) => `${name} ${status}`), [
    "reserve completed",
    "charge completed",
    "ship completed",
  ]);
});

Deno.test("streamItems() takes numbers of a saga that rise with gaps, and those that it knows once", async () => {
  const all = [2, 4, 5, 9].map((number) => itemEvent(number, number));
  await using server = new RawServer(async (request, connection) => {
    const isFirst = eventsSeenBy(request) === 0;
    const events = isFirst ? [start, ...all.slice(0, 2)] : [...all.slice(1), lastEvent()];
    await connection.write(RESUMABLE_HEAD + events.join(""));
  });
  const items = await soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
  assert.deepEqual(items, [2, 4, 5, 9]);
  assert.equal(server.requests[1]?.headers.get("last-event-id"), `${RUN}:4`);
});

Deno.test("streamItems() refuses numbers of a saga that do not rise", async () => {
  for (const numbers of [[2, 2], [4, 2], [2, 0]]) {
    await using server = new RawServer((_request, connection) => {
      const events = numbers.map((number) => itemEvent(number, number)).join("");
      return connection.write(RESUMABLE_HEAD + start + events + lastEvent());
    });
    const items = soon(Array.fromAsync(streamItems(server.url, Watch({}), options)));
    await assert.rejects(items, UnexpectedResponseError, numbers.join());
  }
});

Deno.test("return() leaves a saga, and asks nobody to cancel it", async () => {
  await using server = new RawServer(async (_request, connection) => {
    await connection.write(RESUMABLE_HEAD + start + itemEvent(2, "one"));
    await connection.left();
  });
  for await (const item of streamItems(server.url, Watch({}), options)) {
    assert.equal(item, "one");
    break;
  }
  assert.equal(server.count("DELETE"), 0);
});
