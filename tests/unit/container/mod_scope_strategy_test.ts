import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  domainEvent,
  fallback,
  handlers,
  query,
  streamRequest,
  type,
  withRetry,
} from "../../../mod.ts";
import { Handler, Pool, Rates, unitOf, type Workshop, workshops } from "./containers.ts";

const Do = command("do").returns<unknown>();
const Nested = query("nested").returns<unknown>();
const Items = streamRequest("items").yields<unknown>();
const Done = domainEvent("done", type<number>());

/** A test of each container. */
function test(behaviour: string, run: (workshop: Workshop) => Promise<void>): void {
  for (const [name, open] of Object.entries(workshops)) {
    Deno.test(`${name} ${behaviour}`, () => run(open()));
  }
}

test('opens no scope with strategy "none", and gives its singletons', async ({ services, log }) => {
  services.createScope = () => assert.fail("opened");
  const app = bootstrap(
    handlers().on(Do, async (_data, { resolve }) => [await resolve(Pool), await resolve(Rates)]),
    { container: services, scope: "none" },
  );
  const [first, second] = [await app.send(Do()), await app.send(Do())];
  assert.deepEqual(first, second);
  assert.deepEqual(log, ["pool made"]);
});

test('opens one scope for a call and all that belongs to it with strategy "send"', async ({ services, log }) => {
  const app = bootstrap(
    handlers()
      .use(async (context, next) => {
        if (context.message.type === "do") log.push(`middleware in ${await unitOf(context)}`);
        return next();
      })
      .on(Do, async (_data, context) => {
        log.push(`handler in ${await unitOf(context)}`);
        await context.send(Nested());
        await Array.fromAsync(context.stream(Items()));
        context.emit(Done(1));
      })
      .on(Nested, async (_data, context) => void log.push(`nested in ${await unitOf(context)}`))
      .on(Items, async function* (_data, context) {
        log.push(`stream in ${await unitOf(context)}`);
        yield 1;
      })
      .on(
        Done,
        async (_n, context) => void log.push(`one in ${await unitOf(context)}`),
        async (_n, context) => void log.push(`other in ${await unitOf(context)}`),
      ),
    { container: services, scope: "send", eventHandling: { concurrency: 1 } },
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "unit 1 made",
    "middleware in 1",
    "handler in 1",
    "nested in 1",
    "stream in 1",
    "one in 1",
    "other in 1",
    "unit 1 ended",
  ]);
});

for (const scope of ["send", "handler"] as const) {
  test(`opens a scope for each of two calls at once with strategy "${scope}"`, async ({ services }) => {
    const app = bootstrap(handlers().on(Do, (_data, context) => unitOf(context)), {
      container: services,
      scope,
    });
    const units = await Promise.all([app.send(Do()), app.send(Do())]);
    assert.deepEqual(units.sort(), [1, 2]);
  });

  test(`builds a handler class with services of one scope with strategy "${scope}"`, async ({ services, log }) => {
    const app = bootstrap(handlers().on(Do, Handler), { container: services, scope });
    assert.equal(await app.send(Do()), "unit 1, session in 1, 1.1 dollars");
    assert.equal(await app.send(Do()), "unit 2, session in 2, 1.1 dollars");
    assert.deepEqual(log, [
      "unit 1 made",
      "pool made",
      "session in 1 made",
      "session in 1 ended",
      "unit 1 ended",
      "unit 2 made",
      "session in 2 made",
      "session in 2 ended",
      "unit 2 ended",
    ]);
  });

  test(`ends the scope of a call that fails with strategy "${scope}"`, async ({ services, log }) => {
    const app = bootstrap(
      handlers().on(Do, async (_data, context) => {
        throw new Error(`Failed in ${await unitOf(context)}`);
      }),
      { container: services, scope },
    );
    await assert.rejects(app.send(Do()), { message: "Failed in 1" });
    assert.deepEqual(log, ["unit 1 made", "unit 1 ended"]);
  });

  test(`ends the scope of a stream when it has been read with strategy "${scope}"`, async ({ services, log }) => {
    const app = bootstrap(
      handlers().on(Items, async function* (_data, context) {
        yield await unitOf(context);
        yield await unitOf(context);
        log.push("last item");
      }),
      { container: services, scope },
    );
    assert.deepEqual(await Array.fromAsync(app.stream(Items())), [1, 1]);
    assert.deepEqual(log, ["unit 1 made", "last item", "unit 1 ended"]);
  });

  test(`ends the scope of a stream after its finally when the reader leaves with strategy "${scope}"`, async ({ services, log }) => {
    const app = bootstrap(
      handlers().on(Items, async function* (_data, context) {
        try {
          yield await unitOf(context);
        } finally {
          log.push(`finally in ${await unitOf(context)}`);
        }
      }),
      { container: services, scope },
    );
    for await (const _item of app.stream(Items())) break;
    assert.deepEqual(log, ["unit 1 made", "finally in 1", "unit 1 ended"]);
  });

  test(`ends the scope of a dispatched event with strategy "${scope}"`, async ({ services, log }) => {
    const app = bootstrap(
      handlers().on(Done, async (_n, context) => void await unitOf(context)),
      { container: services, scope },
    );
    await app.dispatch(Done(1));
    assert.deepEqual(log, ["unit 1 made", "unit 1 ended"]);
  });
}

test('ends the scope of a handler before its events with strategy "handler"', async ({ services, log }) => {
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, context) => {
        log.push(`handler in ${await unitOf(context)}`);
        context.emit(Done(1));
      })
      .on(
        Done,
        async (_n, context) => void log.push(`one in ${await unitOf(context)}`),
        async (_n, context) => void log.push(`other in ${await unitOf(context)}`),
      ),
    { container: services, scope: "handler", eventHandling: { concurrency: 1 } },
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "unit 1 made",
    "handler in 1",
    "unit 1 ended",
    "unit 2 made",
    "one in 2",
    "unit 2 ended",
    "unit 3 made",
    "other in 3",
    "unit 3 ended",
  ]);
});

test('ends the scope of a primary before its fallback begins with strategy "handler"', async ({ services, log }) => {
  const app = bootstrap(
    handlers().on(
      Do,
      fallback(async (_data, context) => {
        throw new Error(`Away in ${await unitOf(context)}`);
      }, (_data, context) => {
        log.push("fallback begins");
        return unitOf(context);
      }),
    ),
    { container: services, scope: "handler" },
  );
  assert.equal(await app.send(Do()), 2);
  assert.deepEqual(log, [
    "unit 1 made",
    "unit 1 ended",
    "fallback begins",
    "unit 2 made",
    "unit 2 ended",
  ]);
});

test('ends the scope of a streaming primary before its fallback begins with strategy "handler"', async ({ services, log }) => {
  const app = bootstrap(
    handlers().on(
      Items,
      fallback(async function* (_data, context) {
        if (await unitOf(context) > 0) throw new Error("Away");
        yield 0;
      }, async function* (_data, context) {
        log.push("fallback begins");
        yield await unitOf(context);
      }),
    ),
    { container: services, scope: "handler" },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), [2]);
  assert.deepEqual(log, [
    "unit 1 made",
    "unit 1 ended",
    "fallback begins",
    "unit 2 made",
    "unit 2 ended",
  ]);
});

test('gives a primary and its fallback the scope of their call with strategy "send"', async ({ services, log }) => {
  const app = bootstrap(
    handlers().on(
      Do,
      fallback(async (_data, context) => {
        throw new Error(`Away in ${await unitOf(context)}`);
      }, (_data, context) => unitOf(context)),
    ),
    { container: services, scope: "send" },
  );
  assert.equal(await app.send(Do()), 1);
  assert.deepEqual(log, ["unit 1 made", "unit 1 ended"]);
});

test('opens a scope for each attempt with strategy "handler"', async ({ services, log }) => {
  const app = bootstrap(
    handlers().on(
      Do,
      withRetry(async (_data, context) => {
        const number = await unitOf(context);
        if (number < 3) throw new Error("Hiccup");
        return number;
      }, { backoff: () => 0 }),
    ),
    { container: services, scope: "handler" },
  );
  assert.equal(await app.send(Do()), 3);
  assert.deepEqual(log, [
    "unit 1 made",
    "unit 1 ended",
    "unit 2 made",
    "unit 2 ended",
    "unit 3 made",
    "unit 3 ended",
  ]);
});

test('opens a scope for each link of a chain with strategy "handler"', async ({ services }) => {
  const app = bootstrap(
    handlers().on(
      Do,
      chain(
        async (_data, context) => [
          await unitOf(context),
          await context.next(),
          await unitOf(context),
        ],
        (_data, context) => unitOf(context),
      ),
    ),
    { container: services, scope: "handler" },
  );
  assert.deepEqual(await app.send(Do()), [1, 2, 1]);
});

test('opens a scope for a nested send with strategy "handler", which ends before it answers', async ({ services, log }) => {
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, context) => {
        const units = [await unitOf(context), await context.send(Nested())];
        log.push("answered");
        return units;
      })
      .on(Nested, (_data, context) => unitOf(context)),
    { container: services, scope: "handler" },
  );
  assert.deepEqual(await app.send(Do()), [1, 2]);
  assert.deepEqual(log, [
    "unit 1 made",
    "unit 2 made",
    "unit 2 ended",
    "answered",
    "unit 1 ended",
  ]);
});
