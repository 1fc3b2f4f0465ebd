import assert from "node:assert/strict";
import {
  bootstrap,
  domainEvent,
  handlers,
  type Middleware,
  type NextStream,
  type StreamAwareMiddleware,
  streamRequest,
  type,
} from "../../../mod.ts";
import { recorder, settled } from "./support.ts";

const Count = streamRequest("count", type<number>()).yields<number>();
const Counted = domainEvent("counted", type<number>());

function tracer(name: string, log: string[]): Middleware {
  return async (_context, next) => {
    log.push(`${name} before`);
    try {
      const result = await next();
      log.push(`${name} after ${result}`);
      return result;
    } catch (error) {
      log.push(`${name} failed: ${(error as Error).message}`);
      throw error;
    }
  };
}

async function* countTo(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}

Deno.test("function middlewares run around the whole of a stream, the first one used outermost", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().use(tracer("a", log)).use(tracer("b", log)).on(Count, async function* (n) {
      log.push("handler");
      yield* countTo(n);
    }),
  );
  for await (const item of app.stream(Count(2))) log.push(`item ${item}`);
  assert.deepEqual(log, [
    "a before",
    "b before",
    "handler",
    "item 0",
    "item 1",
    "b after undefined",
    "a after undefined",
  ]);
});

Deno.test("a function middleware sees the error of a streaming handler, unchanged", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().use(tracer("a", log)).use(tracer("b", log)).on(Count, async function* () {
      yield 0;
      throw new Error("Failed");
    }),
  );
  const stream = app.stream(Count(1));
  await stream.next();
  await assert.rejects(stream.next(), { message: "Failed" });
  assert.deepEqual(log, ["a before", "b before", "b failed: Failed", "a failed: Failed"]);
});

Deno.test("a function middleware goes on when its stream is left, before return() resolves", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .use(async (_context, next) => {
        await next();
        await settled();
        log.push("middleware after");
      })
      .on(Count, async function* (n) {
        try {
          yield* countTo(n);
        } finally {
          log.push("finally");
        }
      }),
  );
  const stream = app.stream(Count(5));
  await stream.next();
  await stream.return();
  assert.deepEqual(log, ["finally", "middleware after"]);
});

Deno.test("a function middleware that does not call next gives an empty stream", async () => {
  const app = bootstrap(
    handlers().use(() => Promise.resolve()).on(Count, () => assert.fail("run")),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(3))), []);
});

for (
  const [when, broken, items] of [
    ["before next", async () => {
      await Promise.resolve();
      throw new Error("Broken");
    }, []],
    ["synchronously", () => {
      throw new Error("Broken");
    }, []],
    ["after next", async (_context: unknown, next: () => Promise<unknown>) => {
      await next();
      throw new Error("Broken");
    }, [0, 1]],
  ] as const
) {
  Deno.test(`a function middleware that throws ${when} fails the stream and drops the events since the last item`, async () => {
    const { observer, of } = recorder();
    const dispatched: number[] = [];
    const app = bootstrap(
      handlers()
        .on(Counted, (n) => void dispatched.push(n))
        .use(broken)
        .on(Count, async function* (n, { emit }) {
          for (let i = 0; i < n; i++) {
            emit(Counted(i));
            yield i;
          }
          emit(Counted(99));
        }),
      { observer },
    );
    const read: number[] = [];
    await assert.rejects(async () => {
      for await (const item of app.stream(Count(2))) read.push(item);
    }, { message: "Broken" });
    assert.deepEqual(read, items);
    assert.deepEqual(dispatched, items);
    assert.deepEqual(
      of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)),
      items.length > 0 ? [99] : [],
    );
  });
}

Deno.test("a function middleware may swallow the error of a stream, whose last events are dropped", async () => {
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(Counted, (n) => void dispatched.push(n))
      .use((_context, next) => next().catch(() => {}))
      .on(Count, async function* (_n, { emit }) {
        emit(Counted(0));
        yield 0;
        emit(Counted(1));
        throw new Error("Failed");
      }),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(1))), [0]);
  assert.deepEqual(dispatched, [0]);
});

Deno.test("a function middleware that swallows the failure of one inside it lets the last events not out", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Counted, () => assert.fail("dispatched"))
      .use((_context, next) => next().catch(() => {}))
      .use(async (_context, next) => {
        await next();
        throw new Error("Inner");
      })
      .on(Count, async function* (_n, { emit }) {
        yield 0;
        emit(Counted(1));
      }),
    { observer },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(1))), [0]);
  assert.equal(of("dropped").length, 1);
});

Deno.test("a function middleware may run a stream again until an item has been delivered", async () => {
  let runs = 0;
  const app = bootstrap(
    handlers()
      .use((_context, next) => next().catch(() => next()))
      .on(Count, async function* (n) {
        if (++runs === 1) throw new Error("First");
        yield* countTo(n);
      }),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(2))), [0, 1]);
  assert.equal(runs, 2);
});

Deno.test("a function middleware cannot run a stream again once an item has been delivered", async () => {
  let refusal: unknown;
  const app = bootstrap(
    handlers()
      .use((_context, next) => next().catch(() => next()).catch((error) => refusal = error))
      .on(Count, async function* () {
        yield 0;
        throw new Error("Failed");
      }),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(1))), [0]);
  assert.ok(refusal instanceof TypeError);
  assert.equal(refusal.message, "Cannot run a stream again as it has delivered items");
});

Deno.test("a function middleware that calls next twice at once does not hang the stream", async () => {
  const outcomes = Promise.withResolvers<readonly string[]>();
  const app = bootstrap(
    handlers()
      .use(async (_context, next) => {
        const settled = await Promise.allSettled([next(), next()]);
        outcomes.resolve(settled.map(({ status }) => status));
      })
      .on(Count, countTo),
  );
  let items: readonly number[] | undefined;
  Array.fromAsync(app.stream(Count(2))).then((read) => items = read, () => items = []);
  await settled();
  assert.ok(items !== undefined, "The stream hangs");
});

Deno.test("a function middleware that settles early ends its stream and the handler with it", async () => {
  const stop = Promise.withResolvers<void>();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .use((_context, next) => Promise.race([next(), stop.promise]))
      .on(Count, async function* (n) {
        try {
          yield* countTo(n);
        } finally {
          log.push("finally");
        }
      }),
  );
  const stream = app.stream(Count(5));
  assert.equal((await stream.next()).value, 0);
  stop.resolve();
  await settled();
  assert.equal((await stream.next()).done, true);
  await settled();
  assert.deepEqual(log, ["finally"]);
});

Deno.test("a function middleware that settles early ends a stream whose handler is stuck", async () => {
  const stop = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers()
      .use((_context, next) => Promise.race([next(), stop.promise]))
      .on(Count, async function* () {
        await new Promise(() => {});
        yield 0;
      }),
  );
  const reading = app.stream(Count(1)).next();
  stop.reject(new Error("Enough"));
  await assert.rejects(reading, { message: "Enough" });
});

Deno.test("a function middleware that does not wait for next ends its stream", async () => {
  const app = bootstrap(
    handlers()
      .use((_context, next) => {
        next();
        return Promise.resolve();
      })
      .on(Count, countTo),
  );
  const items = await Array.fromAsync(app.stream(Count(3)));
  assert.ok(items.length < 3);
});

Deno.test("what a function middleware adds reaches the streaming handler", async () => {
  const add: Middleware<{ base: number }> = (_context, next) => next({ base: 40 });
  const app = bootstrap(
    handlers().use(add).on(Count, async function* (n, { base }) {
      yield base + n;
    }),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(2))), [42]);
});

Deno.test("a function middleware can put another message of a stream in place", async () => {
  const app = bootstrap(
    handlers().use((_context, next) => next({ message: Count(1) })).on(Count, countTo),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(5))), [0]);
});

/** A middleware that treats items itself. */
function mapping(map: (item: number) => number): StreamAwareMiddleware<object> {
  return {
    handle: (_context, next) => next(),
    async *stream(_context, next: NextStream<object>) {
      for await (const item of next()) yield map(Number(item));
    },
  };
}

Deno.test("a stream-aware middleware can change the items of a stream", async () => {
  const app = bootstrap(
    handlers().use(mapping((n) => n * 10)).use(mapping((n) => n + 1)).on(Count, countTo),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(3))), [10, 20, 30]);
});

Deno.test("the events before an item are dispatched before a stream-aware middleware's reader gets it", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Counted, (n) => void log.push(`event ${n}`))
      .use(mapping((n) => n)).use(tracer("", []))
      .on(Count, async function* (n, { emit }) {
        for (let i = 0; i < n; i++) {
          emit(Counted(i));
          yield i;
        }
      }),
  );
  for await (const item of app.stream(Count(2))) log.push(`item ${item}`);
  assert.deepEqual(log, ["event 0", "item 0", "event 1", "item 1"]);
});

Deno.test("leaving a stream-aware middleware's stream runs the handler's finally", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().use(mapping((n) => n)).use(tracer("m", log)).on(Count, async function* (n) {
      try {
        yield* countTo(n);
      } finally {
        log.push("finally");
      }
    }),
  );
  for await (const _item of app.stream(Count(5))) break;
  assert.deepEqual(log, ["m before", "finally", "m after undefined"]);
});

Deno.test("a stream-aware middleware may open the stream again, and only the events of what it delivered count", async () => {
  let runs = 0;
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(Counted, (n) => void dispatched.push(n))
      .use({
        handle: (_context, next) => next(),
        async *stream(_context, next) {
          try {
            yield* next();
          } catch {
            yield* next();
          }
        },
      })
      .on(Count, async function* (_n, { emit }) {
        emit(Counted(++runs));
        if (runs === 1) throw new Error("First");
        yield runs;
      }),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(1))), [2]);
  assert.deepEqual(dispatched, [2]);
});
