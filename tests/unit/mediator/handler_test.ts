import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  type HandlerObject,
  handlers,
  type MessageOf,
  query,
  streamRequest,
  token,
  type,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";

const Double = query("double", type<number>()).returns<number>();
const Count = streamRequest("count", type<number>()).yields<number>();
const Next = query("next", type<number>()).returns<number>();
const Doubled = domainEvent("doubled", type<number>());

class DoubleHandler implements HandlerObject<MessageOf<typeof Double>, Context> {
  readonly factor = 2;
  handle(n: number): number {
    return n * this.factor;
  }
}

for (
  const [description, registry] of [
    ["a function", handlers().on(Double, (n) => n * 2)],
    ["an async function", handlers().on(Double, async (n) => await Promise.resolve(n * 2))],
    [
      "a classic function",
      handlers().on(Double, function (n) {
        return n * 2;
      }),
    ],
    ["an object with handle", handlers().on(Double, { handle: (n) => n * 2 })],
    ["an object whose handle uses this", handlers().on(Double, new DoubleHandler())],
    ["a class", handlers().on(Double, DoubleHandler)],
    [
      "an anonymous class",
      handlers().on(
        Double,
        class {
          handle(n: number): number {
            return n * 2;
          }
        },
      ),
    ],
    [
      "a class whose handle is a property",
      handlers().on(
        Double,
        class {
          handle = (n: number): number => n * 2;
        },
      ),
    ],
    [
      "a class that inherits handle",
      handlers().on(Double, class extends DoubleHandler {}),
    ],
  ] as const
) {
  Deno.test(`a handler can be ${description}`, async () => {
    assert.equal(await bootstrap(registry).send(Double(21)), 42);
  });
}

for (
  const [description, registry] of [
    [
      "an async generator function",
      handlers().on(Count, async function* (n) {
        for (let i = 0; i < n; i++) yield i;
      }),
    ],
    [
      "an object with an async generator",
      handlers().on(Count, {
        async *handle(n) {
          for (let i = 0; i < n; i++) yield i;
        },
      }),
    ],
    [
      "a class with an async generator",
      handlers().on(
        Count,
        class {
          readonly first = 0;
          async *handle(n: number): AsyncIterable<number> {
            for (let i = this.first; i < n; i++) yield i;
          }
        },
      ),
    ],
    [
      "a function that returns an async iterable",
      handlers().on(Count, (n) => ({
        async *[Symbol.asyncIterator]() {
          for (let i = 0; i < n; i++) yield i;
        },
      })),
    ],
  ] as const
) {
  Deno.test(`a streaming handler can be ${description}`, async () => {
    assert.deepEqual(await Array.fromAsync(bootstrap(registry).stream(Count(3))), [0, 1, 2]);
  });
}

Deno.test("a handler class is built for each run", async () => {
  let built = 0;
  const app = bootstrap(
    handlers().on(
      Double,
      class {
        constructor() {
          built++;
        }
        handle(n: number): number {
          return n;
        }
      },
    ),
  );
  assert.equal(built, 0);
  await app.send(Double(1));
  await app.send(Double(2));
  assert.equal(built, 2);
});

Deno.test("a handler class is built by the container, with what it needs", async () => {
  const Factor = token<number>("factor");
  class ScaleHandler {
    readonly #factor: number;
    constructor(factor: number) {
      this.#factor = factor;
    }
    handle(n: number): number {
      return n * this.#factor;
    }
  }
  const services = container()
    .provide(Factor, () => 3)
    .provide(ScaleHandler, async ({ resolve }) => new ScaleHandler(await resolve(Factor)));
  const app = bootstrap(handlers().on(Double, ScaleHandler), { container: services });
  assert.equal(await app.send(Double(7)), 21);
});

Deno.test("a streaming handler class whose provider is asynchronous streams, with its events", async () => {
  const seen: number[] = [];
  class CountHandler {
    async *handle(n: number, { emit }: Context): AsyncIterable<number> {
      for (let i = 0; i < n; i++) {
        emit(Doubled(i * 2));
        yield i;
      }
    }
  }
  const services = container().provide(CountHandler, async () => {
    await Promise.resolve();
    return new CountHandler();
  });
  const app = bootstrap(
    handlers().on(Count, CountHandler).on(Doubled, (n) => void seen.push(n)),
    { container: services },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Count(3))), [0, 1, 2]);
  assert.deepEqual(seen, [0, 2, 4]);
});

Deno.test("a handler class is given by an abstract class that the container maps to another", async () => {
  abstract class Port {
    abstract handle(n: number): number;
  }
  const services = container().provide<Port>(Port, () => ({ handle: (n) => n + 1 }));
  // An abstract class stands in for its implementation, which the type of handlers cannot say.
  const concrete = Port as typeof Port & (new () => Port);
  const app = bootstrap(handlers().on(Double, concrete), { container: services });
  assert.equal(await app.send(Double(1)), 2);
});

Deno.test("the events of several handlers may be a function, an object and a class", async () => {
  const seen: string[] = [];
  const Start = command("start");
  const app = bootstrap(
    handlers()
      .on(Start, (_data, { emit }) => emit(Doubled(1)))
      .on(
        Doubled,
        (n) => void seen.push(`function ${n}`),
        { handle: (n) => void seen.push(`object ${n}`) },
        class {
          handle(n: number): void {
            seen.push(`class ${n}`);
          }
        },
      ),
  );
  await app.send(Start());
  assert.deepEqual(seen.toSorted(), ["class 1", "function 1", "object 1"]);
});

Deno.test("a handler object that calls share leaks no events from one call into another", async () => {
  const Join = command("join", type<string>());
  const Joined = domainEvent("joined", type<string>());
  const gates = new Map(["a", "b"].map((name) => [name, Promise.withResolvers<void>()]));
  const seen: string[] = [];
  const shared = {
    async handle(name: string, { emit }: Context) {
      emit(Joined(`${name} early`));
      await gates.get(name)?.promise;
      emit(Joined(`${name} late`));
      if (name === "b") throw new Error("b fails");
    },
  };
  const app = bootstrap(
    handlers().on(Join, shared).on(Joined, (text) => void seen.push(text)),
    { eventHandling: { concurrency: 1 } },
  );
  const a = app.send(Join("a"));
  const b = app.send(Join("b"));
  gates.get("b")?.resolve();
  await assert.rejects(b, { message: "b fails" });
  gates.get("a")?.resolve();
  await a;
  await app.send(Join("c"));
  assert.deepEqual(seen, ["a early", "a late", "c early", "c late"]);
});

Deno.test("the members of a context can be taken out of it", async () => {
  const seen: unknown[] = [];
  const Service = token<string>("service");
  const app = bootstrap(
    handlers()
      .on(Double, async (n, context) => {
        const { emit, send, stream, resolve, message, id, metadata, signal } = context;
        emit(Doubled(n));
        seen.push(await send(Next(n)), await Array.fromAsync(stream(Count(2))));
        seen.push(await resolve(Service), message.type, id === metadata.id, signal.aborted);
        return n;
      })
      .on(Next, (n) => n + 1)
      .on(Count, async function* (n) {
        for (let i = 0; i < n; i++) yield i;
      })
      .on(Doubled, (n) => void seen.push(`event ${n}`)),
    { container: container().provide(Service, () => "a service") },
  );
  await app.send(Double(1));
  assert.deepEqual(seen, [2, [0, 1], "a service", "double", true, false, "event 1"]);
});
