import assert from "node:assert/strict";
import {
  bootstrap,
  type BootstrapOptions,
  command,
  type Context,
  domainEvent,
  handlers,
  query,
  streamRequest,
  type,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { Unit, unitOf, workshop } from "./workshop.ts";

const Do = command("do").returns<unknown>();
const Nested = query("nested").returns<unknown>();
const Items = streamRequest("items").yields<unknown>();
const Done = domainEvent("done", type<number>());

Deno.test("a call, its middlewares, events, nested sends and streams share one scope, which ends with the call", async () => {
  const { services, log } = workshop();
  const note = async (who: string, context: Pick<Context, "resolve">) =>
    void log.push(`${who} ${await unitOf(context)}`);
  const app = bootstrap(
    handlers()
      .use(async (context, next) => {
        if (context.message.type === "do") await note("middleware", context);
        return next();
      })
      .on(Do, async (_data, context) => {
        await note("handler", context);
        await context.send(Nested());
        await Array.fromAsync(context.stream(Items()));
        context.emit(Done(1));
      })
      .on(Nested, (_data, context) => note("nested", context))
      .on(Items, async function* (_data, context) {
        await note("stream", context);
        yield 1;
      })
      .on(Done, (n, context) => {
        if (n === 1) context.emit(Done(2));
        return note(`event ${n}`, context);
      }),
    { container: services },
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "unit 1 made",
    "middleware 1",
    "handler 1",
    "nested 1",
    "stream 1",
    "event 1 1",
    "event 2 1",
    "unit 1 ended",
  ]);
});

Deno.test("two calls have two scopes", async () => {
  const { services } = workshop();
  const app = bootstrap(handlers().on(Do, (_data, context) => unitOf(context)), {
    container: services,
  });
  assert.deepEqual(await Promise.all([app.send(Do()), app.send(Do())]), [1, 2]);
});

Deno.test("a call that resolves nothing opens no scope", async () => {
  const app = bootstrap(handlers().on(Do, () => "done"), {
    container: { resolve: () => assert.fail(), createScope: () => assert.fail("opened") },
  });
  assert.equal(await app.send(Do()), "done");
});

for (const scope of ["send", "handler"] as const) {
  Deno.test(`the scope of a call ends when its handler fails, with strategy "${scope}"`, async () => {
    const { services, log } = workshop();
    const app = bootstrap(
      handlers().on(Do, async (_data, context) => {
        await unitOf(context);
        throw new Error("Failed");
      }),
      { container: services, scope },
    );
    await assert.rejects(app.send(Do()), { message: "Failed" });
    assert.deepEqual(log, ["unit 1 made", "unit 1 ended"]);
  });

  Deno.test(`the scope of a stream ends when it has been read, with strategy "${scope}"`, async () => {
    const { services, log } = workshop();
    const app = bootstrap(
      handlers().on(Items, async function* (_data, context) {
        yield await unitOf(context);
        yield await unitOf(context);
      }),
      { container: services, scope },
    );
    assert.deepEqual(await Array.fromAsync(app.stream(Items())), [1, 1]);
    assert.deepEqual(log, ["unit 1 made", "unit 1 ended"]);
  });

  Deno.test(`the scope of a stream ends when its reader leaves, after finally, with strategy "${scope}"`, async () => {
    const { services, log } = workshop();
    const app = bootstrap(
      handlers().on(Items, async function* (_data, context) {
        try {
          yield await unitOf(context);
        } finally {
          log.push(`finally ${await unitOf(context)}`);
        }
      }),
      { container: services, scope },
    );
    for await (const _item of app.stream(Items())) break;
    assert.deepEqual(log, ["unit 1 made", "finally 1", "unit 1 ended"]);
  });

  Deno.test(`a middleware can resolve before and after next, with strategy "${scope}"`, async () => {
    const { services } = workshop();
    const seen: number[] = [];
    const app = bootstrap(
      handlers()
        .use(async (context, next) => {
          seen.push(await unitOf(context));
          await next();
          seen.push(await unitOf(context));
        })
        .on(Do, (_data, context) => unitOf(context)),
      { container: services, scope },
    );
    await app.send(Do());
    assert.equal(seen[0], seen[1]);
  });

  Deno.test(`the scope of a dispatched event ends with it, with strategy "${scope}"`, async () => {
    const { services, log } = workshop();
    const app = bootstrap(
      handlers().on(Done, async (_n, context) => void await unitOf(context)),
      { container: services, scope },
    );
    await app.dispatch(Done(1));
    assert.deepEqual(log, ["unit 1 made", "unit 1 ended"]);
  });
}

Deno.test("a stream and the events of its items share one scope", async () => {
  const { services, log } = workshop();
  const app = bootstrap(
    handlers()
      .on(Items, async function* (_data, context) {
        context.emit(Done(1));
        yield await unitOf(context);
      })
      .on(Done, async (_n, context) => void log.push(`event ${await unitOf(context)}`)),
    { container: services },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), [1]);
  assert.deepEqual(log, ["unit 1 made", "event 1", "unit 1 ended"]);
});

Deno.test("a late resolve is refused with an error that names the service", async () => {
  const { services } = workshop();
  let late: Context["resolve"] | undefined;
  const app = bootstrap(
    handlers().on(Do, (_data, { resolve }) => {
      late = resolve;
    }),
    { container: services },
  );
  await app.send(Do());
  await assert.rejects(async () => await late?.(Unit), {
    name: "TypeError",
    message: 'Cannot resolve "unit of work" as the scope of its call is disposed',
  });
});

const foreign: Readonly<Record<string, NonNullable<BootstrapOptions["container"]>>> = {
  "synchronously": { resolve: <T>() => ({ number: 7 }) as T },
  "asynchronously": { resolve: <T>() => Promise.resolve({ number: 7 } as T) },
  "from scopes that it opens asynchronously": {
    resolve: () => assert.fail("asked outside of a scope"),
    createScope: () =>
      Promise.resolve({
        resolve: <T>() => ({ number: 7 }) as T,
        async [Symbol.asyncDispose]() {},
      }),
  },
};

for (const [how, services] of Object.entries(foreign)) {
  Deno.test(`a container of somebody else may resolve ${how}`, async () => {
    const app = bootstrap(handlers().on(Do, (_data, context) => unitOf(context)), {
      container: services,
    });
    assert.equal(await app.send(Do()), 7);
  });
}

const failures: Readonly<Record<string, () => Promise<never>>> = {
  "throws": () => {
    throw new Error("Closed");
  },
  "rejects": () => Promise.reject(new Error("Closed")),
};

for (const [how, fail] of Object.entries(failures)) {
  Deno.test(`a scope whose opening ${how} fails who asks for it, and is tried anew`, async () => {
    let opened = 0;
    const app = bootstrap(
      handlers().on(Do, async (_data, context) => {
        await assert.rejects(unitOf(context), { message: "Closed" });
        return await unitOf(context).catch((error) => error.message);
      }),
      {
        container: {
          resolve: () => assert.fail(),
          createScope: () => {
            opened++;
            return fail();
          },
        },
      },
    );
    assert.equal(await app.send(Do()), "Closed");
    assert.equal(opened, 2);
  });
}

Deno.test("handlers that resolve concurrently share the one scope of their call", async () => {
  const { services, log } = workshop();
  const work = async (_n: number, context: Context) => void log.push(`${await unitOf(context)}`);
  const app = bootstrap(
    handlers().on(Done, (n, context) => work(n, context), (n, context) => work(n, context)),
    { container: services },
  );
  await app.dispatch(Done(1));
  assert.deepEqual(log, ["unit 1 made", "1", "1", "unit 1 ended"]);
});

Deno.test("a service that is resolved without a container fails by name", async () => {
  const app = bootstrap(handlers().on(Do, (_data, { resolve }) => resolve(Unit)));
  await assert.rejects(app.send(Do()), {
    name: "TypeError",
    message: 'Cannot build "unit of work" as no container is configured',
  });
});

Deno.test("the error of a handler reaches the caller although its scope fails to end", async () => {
  const services = container().provide(Unit, () => ({ number: 1 }), {
    lifetime: "scoped",
    dispose: () => {
      throw new Error("Disposal");
    },
  });
  const app = bootstrap(
    handlers().on(Do, async (_data, context) => {
      await unitOf(context);
      throw new Error("Handler");
    }),
    { container: services },
  );
  await assert.rejects(app.send(Do()), { message: "Handler" });
});
