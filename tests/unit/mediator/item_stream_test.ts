import assert from "node:assert/strict";
import {
  bootstrap,
  type Context,
  domainEvent,
  EventHandlingError,
  handlers,
  HandlerSettledError,
  memoryBroker,
  notification,
  query,
  type Registry,
  streamRequest,
  type,
} from "../../../mod.ts";
import { bodyOf, lateCodec, recorder, settled } from "./support.ts";

const Count = streamRequest("count", type<number>()).yields<number>();
const Counted = domainEvent("counted", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });

/** Yields 0 up to, not including, n; emits one event before each item. */
const counting = handlers().on(Count, async function* (n, { emit }) {
  for (let i = 0; i < n; i++) {
    emit(Counted(i));
    yield i;
  }
});

Deno.test("stream() gives an async iterator at once, whose items come in the handler's order", async () => {
  const stream = bootstrap(counting).stream(Count(3));
  assert.equal(stream[Symbol.asyncIterator](), stream);
  assert.deepEqual(await Array.fromAsync(stream), [0, 1, 2]);
});

Deno.test("stream() runs nothing before the first item is asked for", async () => {
  let begun = false;
  const app = bootstrap(
    handlers().on(Count, async function* () {
      begun = true;
      yield 1;
    }),
  );
  const stream = app.stream(Count(1));
  await settled();
  assert.equal(begun, false);
  await stream.next();
  assert.equal(begun, true);
  await stream.return();
});

Deno.test("stream() lets its handler run one item at a time, when it is asked for", async () => {
  const made: number[] = [];
  const app = bootstrap(
    handlers().on(Count, async function* (n) {
      for (let i = 0; i < n; i++) {
        made.push(i);
        yield i;
      }
    }),
  );
  const stream = app.stream(Count(3));
  await stream.next();
  await settled();
  assert.deepEqual(made, [0]);
  await stream.next();
  await settled();
  assert.deepEqual(made, [0, 1]);
  await stream.return();
});

Deno.test("stream() dispatches exactly k events before it delivers item k", async () => {
  const dispatched: number[] = [];
  const app = bootstrap(counting.on(Counted, async (n) => {
    await settled();
    dispatched.push(n);
  }));
  let delivered = 0;
  for await (const item of app.stream(Count(4))) {
    assert.equal(item, delivered++);
    assert.equal(dispatched.length, delivered);
  }
  assert.deepEqual(dispatched, [0, 1, 2, 3]);
});

for (const [mode, concurrency] of [["in sequence", 1], ["in parallel", 10]] as const) {
  Deno.test(`stream() handles every event once and publishes every notification once, ${mode}`, async () => {
    const broker = memoryBroker();
    const dispatched: string[] = [];
    const app = bootstrap(
      handlers()
        .on(Count, async function* (n, { emit }) {
          for (let i = 0; i < n; i++) {
            emit(Counted(i), Told(i));
            yield i;
          }
        })
        .on(Counted, (n) => void dispatched.push(`x${n}`), (n) => void dispatched.push(`y${n}`)),
      { broker, eventHandling: { concurrency } },
    );
    assert.deepEqual(await Array.fromAsync(app.stream(Count(3))), [0, 1, 2]);
    assert.deepEqual(dispatched, ["x0", "y0", "x1", "y1", "x2", "y2"]);
    assert.deepEqual(broker.messages("news").map(bodyOf), [0, 1, 2]);
  });
}

Deno.test("stream() publishes the notifications before an item before it delivers that item", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Count, async function* (n, { emit }) {
      for (let i = 0; i < n; i++) {
        emit(Told(i));
        yield i;
      }
    }),
    { broker },
  );
  for await (const item of app.stream(Count(3))) {
    assert.equal(broker.messages("news").length, item + 1);
  }
});

Deno.test("stream() of a handler without items gives none, runs the handler and publishes nothing", async () => {
  let runs = 0;
  const app = bootstrap(
    handlers().on(Count, async function* (n) {
      runs++;
      for (let i = 0; i < n; i++) yield i;
    }),
    { broker: { publish: () => assert.fail("published"), async [Symbol.asyncDispose]() {} } },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(0))), []);
  assert.equal(runs, 1);
});

Deno.test("stream() needs no broker when no notification is emitted", async () => {
  assert.deepEqual(await Array.fromAsync(bootstrap(counting).stream(Count(2))), [0, 1]);
});

for (const message of [Count(1), query("ask")()]) {
  Deno.test(`stream() of a ${message.kind} that nothing streams rejects when it is read`, async () => {
    const app = bootstrap(handlers().on(query("ask"), () => {}));
    // @ts-expect-error What nothing streams does not compile; plain JavaScript gets an error.
    const stream = app.stream(message);
    await assert.rejects(stream.next(), {
      code: "handler_not_found",
      messageType: message.type,
    });
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  });
}

Deno.test("stream() dispatches the events after the last item before it ends", async () => {
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        yield 1;
        emit(Counted(7));
      })
      .on(Counted, async (n) => {
        await settled();
        dispatched.push(n);
      }),
  );
  await Array.fromAsync(app.stream(Count(1)));
  assert.deepEqual(dispatched, [7]);
});

Deno.test("stream() rejects with the error of the handler, unchanged, and drops the events since the last item", async () => {
  const failure = new Error("Failed");
  const { observer, of } = recorder();
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        emit(Counted(1));
        yield 1;
        emit(Counted(2));
        throw failure;
      })
      .on(Counted, (n) => void dispatched.push(n)),
    { observer },
  );
  const stream = app.stream(Count(1));
  assert.deepEqual(await stream.next(), { done: false, value: 1 });
  await assert.rejects(stream.next(), (error) => error === failure);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.deepEqual(dispatched, [1]);
  assert.deepEqual(of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)), [2]);
});

Deno.test("stream() rejects when its handler throws before it streams", async () => {
  const app = bootstrap(
    handlers().on(Count, () => {
      throw new Error("Failed");
    }),
  );
  const stream = app.stream(Count(1));
  await assert.rejects(stream.next(), { message: "Failed" });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

for (const at of [1, 2]) {
  Deno.test(`stream() rejects and ends when the iterator of its handler throws synchronously at item ${at}`, async () => {
    let asked = 0;
    const app = bootstrap(
      handlers().on(Count, () => ({
        [Symbol.asyncIterator]: () => ({
          next() {
            if (++asked === at) throw new Error("Failed");
            return Promise.resolve({ done: false, value: asked });
          },
        }),
      })),
    );
    const stream = app.stream(Count(1));
    if (at === 2) await stream.next();
    await assert.rejects(async () => await stream.next(), { message: "Failed" });
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    let isDisposed = false;
    app[Symbol.asyncDispose]().then(() => isDisposed = true);
    await settled();
    assert.ok(isDisposed, "The stream is still in flight");
  });
}

Deno.test("an emit after the stream has ended is refused", async () => {
  let late: (() => void) | undefined;
  const app = bootstrap(
    handlers().on(Count, async function* (_n, { emit }) {
      late = () => emit(Counted(1));
      yield 1;
    }),
  );
  await Array.fromAsync(app.stream(Count(1)));
  assert.throws(() => late?.(), HandlerSettledError);
});

Deno.test("a failed event rejects the read of its item and ends the handler, whose last events count", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        try {
          emit(Counted(1));
          yield 10;
          yield 20;
        } finally {
          log.push("finally");
          emit(Counted(2));
        }
      })
      .on(Counted, (n) => {
        log.push(`event ${n}`);
        if (n === 1) throw new Error("Event");
      }),
  );
  const stream = app.stream(Count(1));
  await assert.rejects(stream.next(), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.equal(error.result, 10);
    assert.deepEqual(error.errors.map((error) => (error as Error).message), ["Event"]);
    return true;
  });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.deepEqual(log, ["event 1", "finally", "event 2"]);
});

for (
  const [description, registry] of Object.entries<Registry<never, Context>>({
    "a bare stream": handlers(),
    "a stream within a middleware": handlers().use((_context, next) => next()),
  })
) {
  Deno.test(`an asynchronous codec that refuses fails ${description} and drops what came since the last item`, async () => {
    const broker = memoryBroker();
    const { observer, of } = recorder();
    const dispatched: number[] = [];
    const app = bootstrap(
      registry
        .on(Count, async function* (_n, { emit }) {
          emit(Told(1), Counted(1));
          yield 1;
          emit(Told(-1), Counted(2));
          yield 2;
        })
        .on(Counted, (n) => void dispatched.push(n)),
      { broker, observer, codec: lateCodec },
    );
    const stream = app.stream(Count(1));
    assert.equal((await stream.next()).value, 1);
    await assert.rejects(stream.next(), { code: "message_encode", messageType: "told" });
    assert.equal((await stream.next()).done, true);
    assert.deepEqual(dispatched, [1]);
    assert.deepEqual(broker.messages("news").map(bodyOf), [1]);
    assert.deepEqual(
      of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)),
      [-1, 2],
    );
  });
}

Deno.test("a stream can be read once", async () => {
  const stream = bootstrap(counting).stream(Count(2));
  assert.deepEqual(await Array.fromAsync(stream), [0, 1]);
  assert.deepEqual(await Array.fromAsync(stream), []);
});

Deno.test("two streams of one request run its handler each for itself", async () => {
  const request = Count(2);
  const app = bootstrap(counting);
  assert.deepEqual(await Array.fromAsync(app.stream(request)), [0, 1]);
  assert.deepEqual(await Array.fromAsync(app.stream(request)), [0, 1]);
});

Deno.test("a stream that a handler opens carries on what the handler does with its items", async () => {
  const Sum = query("sum").returns<number>();
  const dispatched: number[] = [];
  const app = bootstrap(
    counting
      .on(Sum, async (_data, { stream }) => {
        let sum = 0;
        for await (const item of stream(Count(4))) sum += item;
        return sum;
      })
      .on(Counted, (n) => void dispatched.push(n)),
  );
  assert.equal(await app.send(Sum()), 6);
  assert.deepEqual(dispatched, [0, 1, 2, 3]);
});

Deno.test("a stream within a stream is left when the outer one is", async () => {
  const Outer = streamRequest("outer").yields<string>();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Count, async function* (n) {
        try {
          for (let i = 0; i < n; i++) yield i;
        } finally {
          log.push("inner finally");
        }
      })
      .on(Outer, async function* (_data, { stream }) {
        try {
          for await (const item of stream(Count(5))) yield `item ${item}`;
        } finally {
          log.push("outer finally");
        }
      }),
  );
  for await (const item of app.stream(Outer())) {
    assert.equal(item, "item 0");
    break;
  }
  assert.deepEqual(log, ["inner finally", "outer finally"]);
});

Deno.test("a stream runs in the conversation of whoever opened it", async () => {
  const Sum = query("sum").returns<string | undefined>();
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { metadata }) {
        assert.equal(metadata.correlationId, "c");
        yield 1;
      })
      .on(Sum, async (_data, { stream }) => {
        await Array.fromAsync(stream(Count(1)));
        return "seen";
      }),
  );
  assert.equal(await app.send(Sum(undefined, { correlationId: "c" })), "seen");
});
