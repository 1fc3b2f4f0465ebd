import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  type Middleware,
  query,
  type StreamAwareMiddleware,
  type,
} from "../../../mod.ts";

const Double = query("double", type<number>()).returns<number>();
const Do = command("do");
const Done = domainEvent("done", type<number>());

function tracer(name: string, log: string[]): Middleware {
  return async (_context, next) => {
    log.push(`${name} before`);
    const result = await next();
    log.push(`${name} after`);
    return result;
  };
}

Deno.test("three middlewares run around the handler, the first one used outermost", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .use(tracer("a", log)).use(tracer("b", log)).use(tracer("c", log))
      .on(Do, () => void log.push("handler")),
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "a before",
    "b before",
    "c before",
    "handler",
    "c after",
    "b after",
    "a after",
  ]);
});

Deno.test("a middleware can change the request before the handler and the result after it", async () => {
  const change: Middleware = async (_context, next) => {
    const result = await next({ message: Double(10) });
    return Number(result) + 1;
  };
  const app = bootstrap(handlers().use(change).on(Double, (n) => n * 2));
  assert.equal(await app.send(Double(3)), 21);
});

Deno.test("the message that a middleware puts in place is what everything further in sees", async () => {
  const seen: unknown[] = [];
  const look = (): Middleware => ({ message, id, metadata }, next) => {
    seen.push([message.data, id, metadata.headers["tenant"]]);
    return next();
  };
  const replacement = Double(10, { id: "replaced", headers: { tenant: "t1" } });
  const app = bootstrap(
    handlers().use(look()).use((_context, next) => next({ message: replacement })).use(look())
      .on(Double, (n, { message, id }) => {
        seen.push([message.data, id]);
        return n;
      }),
  );
  await app.send(Double(3, { id: "first" }));
  assert.deepEqual(seen, [[3, "first", undefined], [10, "replaced", "t1"], [10, "replaced"]]);
});

Deno.test("a middleware cannot put a message of another type in place", async () => {
  const app = bootstrap(
    handlers().use((_context, next) => next({ message: Do() })).on(Double, (n) => n),
  );
  await assert.rejects(app.send(Double(1)), {
    name: "TypeError",
    message: 'Cannot pass on "do" in place of "double"',
  });
});

Deno.test("a middleware can hand a narrower signal inwards", async () => {
  const own = new AbortController();
  own.abort(new Error("Mine"));
  const app = bootstrap(
    handlers().use((_context, next) => next({ signal: own.signal })).on(
      Double,
      (_n, { signal }) => signal.reason.message === "Mine" ? 1 : 0,
    ),
  );
  assert.equal(await app.send(Double(1)), 1);
});

Deno.test("what middlewares add to the context reaches middlewares and handlers further in", async () => {
  const user: Middleware<{ user: string }> = (_context, next) => next({ user: "Ada" });
  const tx: Middleware<{ tx: number }> = (_context, next) => next({ tx: 7 });
  const log: unknown[] = [];
  const app = bootstrap(
    handlers().use(user).use(tx).on(Do, (_data, { user, tx }) => void log.push(user, tx)),
  );
  await app.send(Do());
  assert.deepEqual(log, ["Ada", 7]);
});

Deno.test("what a middleware adds stays in its own call", async () => {
  const count: Middleware<{ call: number }> = (context, next) =>
    next({ call: Number(context.message.data) });
  const gates = [0, 1].map(() => Promise.withResolvers<void>());
  const app = bootstrap(
    handlers().use(count).on(Double, async (n, context) => {
      await gates[n]?.promise;
      return context.call;
    }),
  );
  const sent = [app.send(Double(0)), app.send(Double(1))];
  for (const gate of gates.toReversed()) gate.resolve();
  assert.deepEqual(await Promise.all(sent), [0, 1]);
});

for (const name of ["emit", "send", "resolve", "metadata", "id", "stream"]) {
  Deno.test(`a middleware cannot add "${name}" to the context, which every context has`, async () => {
    const add: Middleware<Record<string, unknown>> = (_context, next) => next({ [name]: "mine" });
    const app = bootstrap(handlers().use(add).on(Do, () => {}));
    await assert.rejects(app.send(Do()), {
      name: "TypeError",
      message: `Cannot add "${name}" to the context as every context has it`,
    });
  });
}

Deno.test("a middleware that does not call next answers in place of the handler", async () => {
  const app = bootstrap(
    handlers().use(() => Promise.resolve(99)).on(Double, () => assert.fail("run")),
  );
  assert.equal(await app.send(Double(1)), 99);
});

for (
  const [when, broken] of [
    ["before next", async () => {
      await Promise.resolve();
      throw new Error("Broken");
    }],
    ["after next", async (_context: unknown, next: () => Promise<unknown>) => {
      await next();
      throw new Error("Broken");
    }],
    ["synchronously", () => {
      throw new Error("Broken");
    }],
  ] as const
) {
  Deno.test(`a middleware that throws ${when} fails the call and drops its events`, async () => {
    const dispatched: number[] = [];
    const app = bootstrap(
      handlers().use(broken)
        .on(Do, (_data, { emit }) => emit(Done(1)))
        .use(tracer("", []))
        .on(Done, (n) => void dispatched.push(n)),
    );
    await assert.rejects(app.send(Do()), { message: "Broken" });
    assert.deepEqual(dispatched, []);
  });
}

Deno.test("a middleware sees the error of the handler and may answer in its place", async () => {
  const rescue: Middleware = (_context, next) => next().catch((error) => error.message);
  const app = bootstrap(
    handlers().use(rescue).on(Double, () => {
      throw new Error("Seen");
    }),
  );
  assert.equal(await app.send(Double(1)), "Seen");
});

Deno.test("a middleware sees the error of a middleware inside it that throws synchronously", async () => {
  const rescue: Middleware = (_context, next) => next().catch((error) => error.message);
  const app = bootstrap(
    handlers().use(rescue).use(() => {
      throw new Error("Seen");
    }).on(Double, (n) => n),
  );
  assert.equal(await app.send(Double(1)), "Seen");
});

Deno.test("a middleware that calls next again runs the handler again", async () => {
  const results: unknown[] = [];
  let runs = 0;
  const twice: Middleware = async (_context, next) => {
    results.push(await next());
    results.push(await next());
    return 0;
  };
  const app = bootstrap(handlers().use(twice).on(Double, () => ++runs));
  await app.send(Double(1));
  assert.deepEqual(results, [1, 2]);
});

Deno.test("a middleware can run a handler twice at once", async () => {
  const twice: Middleware = async (_context, next) => {
    const results = await Promise.all([next(), next({ message: Double(5) })]);
    return Number(results[0]) + Number(results[1]);
  };
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(Done, (n) => void dispatched.push(n))
      .use(twice).on(Double, async (n, { emit }) => {
        emit(Done(n));
        return await Promise.resolve(n);
      }),
  );
  assert.equal(await app.send(Double(1)), 6);
  assert.deepEqual(dispatched, [1, 5]);
});

Deno.test("a middleware wraps the handlers of events, each by itself", async () => {
  const log: string[] = [];
  const look: Middleware = ({ message }, next) => {
    log.push(`${message.type} ${message.data}`);
    return next();
  };
  const app = bootstrap(
    handlers()
      .use(look)
      .on(Do, (_data, { emit }) => emit(Done(1)))
      .on(Done, () => void log.push("first"), () => void log.push("second")),
    { eventHandling: { concurrency: 1 } },
  );
  await app.send(Do());
  assert.deepEqual(log, ["do undefined", "done 1", "first", "done 1", "second"]);
});

Deno.test("a middleware wraps the handlers of a dispatched event", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().use(tracer("m", log)).on(Done, () => void log.push("handler")),
  );
  await app.dispatch(Done(1));
  assert.deepEqual(log, ["m before", "handler", "m after"]);
});

Deno.test("a middleware runs before the events of its request are dispatched, and around its handler only", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Done, () => void log.push("event"))
      .use(tracer("m", log))
      .on(Do, (_data, { emit }) => {
        log.push("handler");
        emit(Done(1));
      }),
  );
  await app.send(Do());
  log.push("response");
  assert.deepEqual(log, ["m before", "handler", "m after", "event", "response"]);
});

Deno.test("a middleware can send requests and resolve services, but has nothing to emit with", async () => {
  class Service {}
  const seen: unknown[] = [];
  const app = bootstrap(
    handlers().on(Double, (n) => n * 2)
      .use(async (context, next) => {
        seen.push(await context.send(Double(4)));
        seen.push((await context.resolve(Service)) instanceof Service);
        return next();
      }).on(Do, () => {}),
  );
  await app.send(Do());
  assert.deepEqual(seen, [8, true]);
});

Deno.test("a middleware that is the instance of a class keeps its this", async () => {
  class Counting implements StreamAwareMiddleware<object> {
    count = 0;
    handle(_context: unknown, next: () => Promise<unknown>): Promise<unknown> {
      this.count++;
      return next();
    }
    stream(_context: unknown, next: () => AsyncIterable<unknown>): AsyncIterable<unknown> {
      this.count++;
      return next();
    }
  }
  const counting = new Counting();
  const app = bootstrap(handlers().use(counting).on(Double, (n) => n));
  await app.send(Double(1));
  assert.equal(counting.count, 1);
});
