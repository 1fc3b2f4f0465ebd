import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  handlers,
  HandlerSettledError,
  type Middleware,
  type,
} from "../../../mod.ts";
import { recorder, settled } from "./support.ts";

const Do = command("do", type<number>()).returns<string>();
const Done = domainEvent("done", type<number>());

Deno.test("emit() dispatches each event exactly once, in the order of emission", async () => {
  for (const count of [0, 1, 3, 4]) {
    const dispatched: number[] = [];
    const app = bootstrap(
      handlers()
        .on(Do, (n, { emit }) => {
          for (let i = 0; i < n; i++) emit(Done(i));
          return "";
        })
        .on(Done, (i) => void dispatched.push(i)),
    );
    await app.send(Do(count));
    assert.deepEqual(dispatched, [...Array(count).keys()]);
  }
});

Deno.test("emit() takes several events and leaves the list that it got them from alone", async () => {
  const events = Object.freeze([Done(1), Done(2)]);
  const dispatched: number[] = [];
  const app = bootstrap(
    handlers()
      .on(Do, (_n, { emit }) => {
        emit(...events);
        return "";
      })
      .on(Done, (i) => void dispatched.push(i)),
  );
  await app.send(Do(0));
  assert.deepEqual(dispatched, [1, 2]);
  assert.equal(events.length, 2);
});

Deno.test("emit() of nothing does nothing", async () => {
  const { observer, log } = recorder();
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      emit();
      return "";
    }),
    { observer },
  );
  await app.send(Do(0));
  assert.deepEqual(log(), ["dispatched do", "completed do"]);
});

Deno.test("emit() dispatches nothing before the handler has succeeded", async () => {
  const gate = Promise.withResolvers<void>();
  let dispatched = 0;
  const app = bootstrap(
    handlers()
      .on(Do, async (_n, { emit }) => {
        emit(Done(1));
        await gate.promise;
        return "";
      })
      .on(Done, () => void dispatched++),
  );
  const sent = app.send(Do(0));
  await settled();
  assert.equal(dispatched, 0);
  gate.resolve();
  await sent;
  assert.equal(dispatched, 1);
});

Deno.test("an emit after the handler settled is refused with an error that names the event", async () => {
  let leaked: Context["emit"] | undefined;
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      leaked = emit;
      return "";
    }),
  );
  await app.send(Do(0));
  assert.throws(() => leaked?.(Done(1)), (error) => {
    assert.ok(error instanceof HandlerSettledError);
    assert.equal(error.messageType, "done");
    assert.equal(error.code, "handler_settled");
    return true;
  });
});

const settlings: readonly (readonly [string, Middleware])[] = [
  ["alone", (_context, next) => next()],
  ["in a middleware that goes on", async (_context, next) => {
    const result = await next();
    await settled();
    return result;
  }],
];

for (const [description, middleware] of settlings) {
  for (const fails of [false, true]) {
    const outcome = fails ? "failed" : "succeeded";
    Deno.test(`an emit of a handler ${description} is refused as soon as it has ${outcome}`, async () => {
      const refused = Promise.withResolvers<unknown>();
      const app = bootstrap(
        handlers().use(middleware).on(Do, (_n, { emit }) => {
          (async () => {
            await Promise.resolve();
            await Promise.resolve();
            await Promise.resolve();
            await Promise.resolve();
            try {
              emit(Done(1));
              refused.resolve(undefined);
            } catch (error) {
              refused.resolve(error);
            }
          })();
          if (fails) throw new Error("Failed");
          return "";
        }),
      );
      await app.send(Do(0)).catch(() => {});
      assert.ok(await refused.promise instanceof HandlerSettledError);
    });
  }
}

Deno.test("an emit of an event handler after it settled is refused", async () => {
  let leaked: Context["emit"] | undefined;
  const app = bootstrap(
    handlers().on(Done, (_n, { emit }) => {
      leaked = emit;
    }),
  );
  await app.dispatch(Done(1));
  assert.throws(() => leaked?.(Done(2)), { code: "handler_settled" });
});

Deno.test("what a handler emitted is dropped when it throws, and the observer is told", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      emit(Done(1), Done(2));
      throw new Error("Failed");
    }).on(Done, () => assert.fail("dispatched")),
    { observer },
  );
  await assert.rejects(app.send(Do(0)), { message: "Failed" });
  const [drop] = of("dropped");
  assert.deepEqual(drop?.messages.map(({ data }) => data), [1, 2]);
  assert.equal(drop?.reason, "handler_failed");
});

Deno.test("a handler that two calls share keeps their events apart", async () => {
  const gate = Promise.withResolvers<void>();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Do, async (n, { emit }) => {
        emit(Done(n));
        await gate.promise;
        if (n === 1) throw new Error("Failed");
        return "";
      })
      .on(Done, () => {}),
    { observer },
  );
  const outcomes = Promise.allSettled([app.send(Do(1)), app.send(Do(2))]);
  gate.resolve();
  await outcomes;
  assert.deepEqual(of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)), [1]);
  assert.deepEqual(
    of("dispatched").filter(({ message }) => message.type === "done").map(({ message }) =>
      message.data
    ),
    [2],
  );
});

Deno.test("a middleware that swallows the failure of the handler lets none of its events out", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Done, () => assert.fail("dispatched"))
      .use((_context, next) => next().catch(() => "rescued"))
      .on(Do, (_n, { emit }) => {
        emit(Done(1));
        throw new Error("Failed");
      }),
    { observer },
  );
  assert.equal(await app.send(Do(0)), "rescued");
  assert.deepEqual(of("dropped").map(({ reason }) => reason), ["handler_failed"]);
});

for (
  const [description, inner] of [
    ["after next", async (_context: unknown, next: () => Promise<unknown>) => {
      await next();
      throw new Error("Inner");
    }],
    ["after next and a while", async (_context: unknown, next: () => Promise<unknown>) => {
      await next();
      await settled();
      throw new Error("Inner");
    }],
    ["without waiting for next", (_context: unknown, next: () => Promise<unknown>) => {
      next();
      return Promise.reject(new Error("Inner"));
    }],
  ] as const
) {
  Deno.test(`a middleware that swallows the failure of one inside it, which threw ${description}, lets no events out`, async () => {
    const { observer, of } = recorder();
    const app = bootstrap(
      handlers()
        .on(Done, () => assert.fail("dispatched"))
        .use((_context, next) => next().catch(() => "rescued"))
        .use(inner)
        .on(Do, (_n, { emit }) => {
          emit(Done(1));
          return "";
        }),
      { observer },
    );
    assert.equal(await app.send(Do(0)), "rescued");
    await settled();
    assert.deepEqual(of("dropped").map(({ reason }) => reason), ["handler_failed"]);
  });
}

Deno.test("a middleware that runs the handler again lets only the events of runs that succeeded out", async () => {
  let runs = 0;
  const dispatched: number[] = [];
  const again: Middleware = (_context, next) => next().catch(() => next());
  const app = bootstrap(
    handlers()
      .on(Done, (n) => void dispatched.push(n))
      .use(again)
      .on(Do, (_n, { emit }) => {
        emit(Done(++runs));
        if (runs === 1) throw new Error("First");
        return "second";
      }),
  );
  assert.equal(await app.send(Do(0)), "second");
  assert.deepEqual(dispatched, [2]);
});

Deno.test("a middleware that hedges lets the events of the slower run out only if it has succeeded", async () => {
  const gates = [0, 1].map(() => Promise.withResolvers<void>());
  let runs = 0;
  const { observer, of } = recorder();
  const dispatched: number[] = [];
  const hedge: Middleware = (_context, next) => Promise.race([next(), next()]);
  const app = bootstrap(
    handlers()
      .on(Done, (n) => void dispatched.push(n))
      .use(hedge)
      .on(Do, async (_n, { emit }) => {
        const run = runs++;
        emit(Done(run));
        await gates[run]?.promise;
        return `run ${run}`;
      }),
    { observer },
  );
  const sent = app.send(Do(0));
  gates[1]?.resolve();
  assert.equal(await sent, "run 1");
  assert.deepEqual(dispatched, [1]);
  gates[0]?.resolve();
  await settled();
  assert.deepEqual(dispatched, [1]);
  assert.deepEqual(of("dropped").map(({ messages }) => messages.map(({ data }) => data)), [[0]]);
});

Deno.test("a middleware that does not wait for next dispatches no events of a handler that has not succeeded", async () => {
  const gate = Promise.withResolvers<void>();
  const { observer, of } = recorder();
  let dispatched = 0;
  const app = bootstrap(
    handlers()
      .on(Done, () => void dispatched++)
      .use((_context, next) => {
        next().catch(() => {});
        return Promise.resolve("early");
      })
      .on(Do, async (_n, { emit }) => {
        emit(Done(1));
        await gate.promise;
        return "late";
      }),
    { observer },
  );
  assert.equal(await app.send(Do(0)), "early");
  gate.resolve();
  await settled();
  assert.equal(dispatched, 0);
  assert.equal(of("dropped").length, 1, "The observer was not told of the drop");
});
