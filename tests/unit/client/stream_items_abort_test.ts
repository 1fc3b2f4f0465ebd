import assert from "node:assert/strict";
import { ConnectionLostError, type ConnectionState, streamItems } from "../../../src/client/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  eventsOf,
  itemEvent,
  recordingFetch,
  RESUMABLE_HEAD,
  RUN_URL,
  startEvent,
  Watch,
  withDelete,
} from "./support.ts";

const reason = new Error("No longer needed");
const firstEvents = startEvent() + itemEvent(1, "one");
const DONE = { done: true, value: undefined };

/** A stream that is to be aborted. */
class Attempt {
  readonly clock = new ManualClock();
  readonly controller = new AbortController();
  readonly listeners: () => number;
  readonly recorder = recordingFetch();
  readonly server: RawServer;
  readonly stream: AsyncIterableIterator<unknown, void, void>;
  readonly #states = new Map<string, PromiseWithResolvers<void>>();

  constructor(server: RawServer, headers?: (request: number) => Promise<HeadersInit>) {
    this.server = server;
    let requests = 0;
    const { signal, listeners } = countingSignal(this.controller.signal);
    this.listeners = listeners;
    this.stream = streamItems(`${server.url}/watch`, Watch({}), {
      signal,
      headers: headers && (() => headers(++requests)),
      clock: this.clock,
      backoff: () => 1_000,
      fetch: this.recorder.fetch,
      onStateChange: ({ state }) => this.#state(state).resolve(),
    });
  }

  /** Resolves when the connection gets into a state for the first time. */
  until(state: ConnectionState["state"]): Promise<void> {
    return soon(this.#state(state).promise);
  }

  #state(state: string): PromiseWithResolvers<void> {
    const resolvers = this.#states.get(state) ?? Promise.withResolvers<void>();
    this.#states.set(state, resolvers);
    return resolvers;
  }
}

/** Where a stream can be when it is aborted. */
interface Stage {
  readonly waitsFor: string;
  readonly respond: Respond;
  /** Gives the headers of the n-th request. */
  readonly headers?: (request: number) => Promise<HeadersInit>;
  /** Whether the run can be cancelled then. */
  readonly isCancellable: boolean;
  /** How many items come before. */
  readonly items: number;
  /** Resolves when the last `next()` waits for it. */
  reached(attempt: Attempt): Promise<void>;
}

function holding(text: string): Respond {
  return async (_request, connection) => {
    await connection.write(text);
    await connection.left();
  };
}

const breakingOff: Respond = (_request, connection) =>
  connection.write(RESUMABLE_HEAD + firstEvents);

const stages: readonly Stage[] = [
  {
    waitsFor: "headers to send",
    respond: () => {},
    headers: () => new Promise(() => {}),
    isCancellable: false,
    items: 0,
    reached: ({ clock }) => clock.timersPending(),
  },
  {
    waitsFor: "an answer to its start",
    respond: holding(""),
    isCancellable: false,
    items: 0,
    reached: ({ server }) => server.until(() => server.count("POST") === 1),
  },
  {
    waitsFor: "its first event",
    respond: holding(RESUMABLE_HEAD),
    isCancellable: true,
    items: 0,
    reached: (attempt) => attempt.until("open"),
  },
  {
    waitsFor: "an item",
    respond: holding(RESUMABLE_HEAD + firstEvents),
    isCancellable: true,
    items: 1,
    reached: () => Promise.resolve(),
  },
  {
    waitsFor: "an attempt to connect again",
    respond: breakingOff,
    isCancellable: true,
    items: 1,
    reached: (attempt) => attempt.until("reconnecting"),
  },
  {
    waitsFor: "headers of a resume",
    respond: breakingOff,
    headers: (request) => request === 2 ? new Promise(() => {}) : Promise.resolve({}),
    isCancellable: true,
    items: 1,
    async reached(attempt) {
      await attempt.until("reconnecting");
      await attempt.clock.advance(1_000);
    },
  },
  {
    waitsFor: "an answer to a resume",
    respond: (request, connection) =>
      (request.method === "GET" ? holding("") : breakingOff)(request, connection),
    isCancellable: true,
    items: 1,
    async reached(attempt) {
      await attempt.until("reconnecting");
      await attempt.clock.advance(1_000);
      await attempt.server.until(() => attempt.server.count("GET") === 1);
    },
  },
  {
    waitsFor: "what a server says of an error",
    respond: holding("HTTP/1.1 500 X\r\ncontent-length: 10\r\n\r\n{"),
    isCancellable: false,
    items: 0,
    async reached({ server, recorder }) {
      await server.until(() => server.count("POST") === 1);
      await recorder.settled();
    },
  },
];

for (const { waitsFor, respond, headers, isCancellable, items, reached } of stages) {
  Deno.test(`streamItems() rejects at once when it is aborted while it waits for ${waitsFor}`, async () => {
    await using server = new RawServer(withDelete(respond));
    const attempt = new Attempt(server, headers);
    const { stream, recorder, controller, clock } = attempt;
    for (let item = 0; item < items; item++) await soon(stream.next());
    const pending = assert.rejects(stream.next(), reason);
    await soon(reached(attempt));
    controller.abort(reason);
    await soon(pending);
    assert.deepEqual(await stream.next(), DONE);
    await soon(recorder.settled());
    const deletes = server.requests.filter(({ method }) => method === "DELETE");
    assert.deepEqual(
      deletes.map(({ target }) => target),
      isCancellable ? [`/watch${RUN_URL}`] : [],
    );
    await clock.advance(0); // what the answer leads to
    assert.equal(clock.pendingTimers, 0);
    assert.equal(attempt.listeners(), 0);
  });
}

Deno.test("streamItems() sends nothing when it has been aborted before", async () => {
  await using server = new RawServer(breakingOff);
  const attempt = new Attempt(server);
  attempt.controller.abort(reason);
  await assert.rejects(attempt.stream.next(), reason);
  assert.deepEqual(await attempt.stream.next(), DONE);
  assert.equal(server.requests.length, 0);
  assert.equal(attempt.listeners(), 0);
});

Deno.test("streamItems() cancels the run when it is aborted between two items", async () => {
  const { promise: left, resolve: onLeft } = Promise.withResolvers<void>();
  await using server = new RawServer(withDelete(async (_request, connection) => {
    await connection.write(RESUMABLE_HEAD + firstEvents + itemEvent(2, "two"));
    await connection.left();
    onLeft();
  }));
  const { stream, controller, recorder } = new Attempt(server);
  await soon(stream.next());
  controller.abort(reason);
  await soon(left);
  await server.until(() => server.count("DELETE") === 1);
  await soon(recorder.settled());
  await assert.rejects(stream.next(), reason);
  assert.deepEqual(await stream.next(), DONE);
  assert.equal(server.count("DELETE"), 1);
});

Deno.test("streamItems() cancels the run once when it is aborted and then left", async () => {
  await using server = new RawServer(withDelete(holding(RESUMABLE_HEAD + firstEvents)));
  const { stream, controller, recorder, clock } = new Attempt(server);
  await soon(stream.next());
  controller.abort(reason);
  assert.deepEqual(await soon(stream.return?.() ?? Promise.reject()), DONE);
  await soon(recorder.settled());
  assert.equal(server.count("DELETE"), 1);
  await clock.advance(0); // what the answer leads to
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("streamItems() does not care about an abort after the end", async () => {
  await using server = new RawServer((_request, connection) =>
    connection.write(RESUMABLE_HEAD + eventsOf(["one"]).join(""))
  );
  const { stream, controller, listeners } = new Attempt(server);
  assert.deepEqual(await soon(Array.fromAsync(stream)), ["one"]);
  assert.equal(listeners(), 0);
  controller.abort(reason);
  assert.deepEqual(await stream.next(), DONE);
  assert.equal(server.requests.length, 1);
});

Deno.test("streamItems() lets the cancellation of a run outlive the page", async () => {
  await using server = new RawServer(withDelete(holding(RESUMABLE_HEAD + firstEvents)));
  const { stream, controller, recorder } = new Attempt(server);
  await soon(stream.next());
  controller.abort(reason);
  await soon(recorder.settled());
  const [start, cancellation] = recorder.inits;
  assert.equal(start?.keepalive, undefined);
  assert.equal(cancellation?.method, "DELETE");
  assert.equal(cancellation.keepalive, true);
  assert.equal(cancellation.signal?.aborted, false);
});

Deno.test("streamItems() rejects at once though fetch does not obey the signal", async () => {
  const controller = new AbortController();
  const { promise: response, resolve: respond } = Promise.withResolvers<Response>();
  const { promise: called, resolve: onCall } = Promise.withResolvers<void>();
  const { promise: cancelled, resolve: onCancel } = Promise.withResolvers<void>();
  const stream = streamItems("/watch", Watch({}), {
    signal: controller.signal,
    fetch() {
      onCall();
      return response;
    },
  });
  const pending = assert.rejects(stream.next(), reason);
  await soon(called);
  controller.abort(reason);
  await soon(pending);
  respond(new Response(new ReadableStream({ cancel: () => onCancel() })));
  await soon(cancelled);
});

for (const isPending of [true, false]) {
  const when = isPending ? "while it is read" : "between two items";
  Deno.test(`streamItems() cancels a body that does not obey the signal ${when}`, async () => {
    const controller = new AbortController();
    const { promise: cancelled, resolve: onCancel } = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (stream) => stream.enqueue(new TextEncoder().encode(firstEvents)),
      cancel: () => onCancel(),
    });
    const methods: unknown[] = [];
    const stream = streamItems("/watch", Watch({}), {
      signal: controller.signal,
      fetch(_url, { method }) {
        methods.push(method);
        return method === "DELETE"
          ? new Response(null, { status: 204 })
          : new Response(body, { headers: { "content-type": "text/event-stream" } });
      },
    });
    await soon(stream.next());
    const pending = isPending ? stream.next() : undefined;
    const rejected = assert.rejects(pending ?? cancelled.then(() => stream.next()), reason);
    controller.abort(reason);
    await soon(Promise.all([cancelled, rejected]));
    assert.deepEqual(methods, ["POST", "DELETE"]);
  });
}

Deno.test("streamItems() rejects with a reason that is an error of its own, and does not resume", async () => {
  await using server = new RawServer(withDelete(holding(RESUMABLE_HEAD + firstEvents)));
  const controller = new AbortController();
  const states: string[] = [];
  const { fetch, settled } = recordingFetch();
  const stream = streamItems(server.url, Watch({}), {
    signal: controller.signal,
    fetch,
    onStateChange: ({ state }) => states.push(state),
  });
  await soon(stream.next());
  const lost = new ConnectionLostError(0);
  const pending = assert.rejects(stream.next(), (error) => error === lost);
  controller.abort(lost);
  await soon(pending);
  await soon(settled());
  assert.deepEqual(states, ["open"]);
});
