import assert from "node:assert/strict";
import {
  AppClosedError,
  bootstrap,
  command,
  type Context,
  domainEvent,
  handlers,
  query,
  streamRequest,
  token,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { settled } from "./support.ts";

const Do = command("do").returns<string>();
const Nested = query("nested").returns<string>();
const Items = streamRequest("items").yields<number>();
const Done = domainEvent("done");

/** A function that notes its run and takes a while. */
function hook(log: string[], name: string) {
  return async () => {
    log.push(`${name} begins`);
    await settled();
    log.push(`${name} ends`);
  };
}

Deno.test("the start-up functions run one after the other before the first call", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Do, () => {
      log.push("handler");
      return "";
    }),
    { onStartup: [hook(log, "first"), () => void log.push("second"), hook(log, "third")] },
  );
  await settled();
  assert.deepEqual(log, [], "They ran before anybody called");
  await app.send(Do());
  assert.deepEqual(log, [
    "first begins",
    "first ends",
    "second",
    "third begins",
    "third ends",
    "handler",
  ]);
});

Deno.test("the start-up functions run once, also for calls that come at once", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Do, () => "done").on(Done, () => {}).on(Items, async function* () {
      yield 1;
    }),
    { onStartup: [hook(log, "start")] },
  );
  await Promise.all([
    app.start(),
    app.send(Do()),
    app.send(Do()),
    app.dispatch(Done()),
    app.emit(Done()),
    Array.fromAsync(app.stream(Items())),
  ]);
  await app.send(Do());
  await app.start();
  assert.deepEqual(log, ["start begins", "start ends"]);
});

const calls = {
  "send()": (app: ReturnType<typeof makeApp>) => app.send(Do()),
  "stream()": (app: ReturnType<typeof makeApp>) => app.stream(Items()).next(),
  "dispatch()": (app: ReturnType<typeof makeApp>) => app.dispatch(Done()),
  "emit()": (app: ReturnType<typeof makeApp>) => app.emit(Done()),
};

function makeApp(log: string[], options: Parameters<typeof bootstrap>[1]) {
  return bootstrap(
    handlers()
      .on(Do, () => {
        log.push("run");
        return "";
      })
      .on(Done, () => void log.push("run"))
      .on(Items, async function* () {
        log.push("run");
        yield 1;
      }),
    options,
  );
}

for (const [name, call] of Object.entries(calls)) {
  Deno.test(`${name} waits for start-up`, async () => {
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    const app = makeApp(log, { onStartup: [() => gate.promise] });
    const called = call(app);
    await settled();
    assert.deepEqual(log, []);
    gate.resolve();
    await called;
    assert.deepEqual(log, ["run"]);
  });

  Deno.test(`${name} rejects with the error of a start-up function, and runs nothing`, async () => {
    const log: string[] = [];
    const app = makeApp(log, { onStartup: [() => Promise.reject(new Error("No database"))] });
    await assert.rejects(call(app), { message: "No database" });
    assert.deepEqual(log, []);
    await app[Symbol.asyncDispose]();
  });

  Deno.test(`${name} is refused when the app is disposed`, async () => {
    const log: string[] = [];
    const app = makeApp(log, {});
    await app[Symbol.asyncDispose]();
    await assert.rejects(call(app), (error) => {
      assert.ok(error instanceof AppClosedError);
      assert.equal(error.code, "app_closed");
      return true;
    });
    assert.deepEqual(log, []);
  });
}

Deno.test("a start-up that failed is taken up again at the function that failed", async () => {
  const log: string[] = [];
  let isUp = false;
  const app = bootstrap(handlers().on(Do, () => "done"), {
    onStartup: [
      () => void log.push("first"),
      () => {
        log.push("second");
        if (!isUp) throw new Error("No database");
      },
      () => void log.push("third"),
    ],
  });
  await assert.rejects(app.send(Do()), { message: "No database" });
  await assert.rejects(app.start(), { message: "No database" });
  isUp = true;
  assert.equal(await app.send(Do()), "done");
  assert.deepEqual(log, ["first", "second", "second", "second", "third"]);
});

Deno.test("calls that wait for the same start-up all fail with it", async () => {
  let runs = 0;
  const app = bootstrap(handlers().on(Do, () => ""), {
    onStartup: [async () => {
      runs++;
      await settled();
      throw new Error("No database");
    }],
  });
  const outcomes = await Promise.allSettled([app.send(Do()), app.send(Do()), app.start()]);
  assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  assert.equal(runs, 1);
});

Deno.test("a list of start-up functions that changes later changes nothing", async () => {
  const log: string[] = [];
  const onStartup = [() => void log.push("first")];
  const app = bootstrap(handlers(), { onStartup });
  onStartup.push(() => void log.push("second"));
  await app.start();
  assert.deepEqual(log, ["first"]);
  assert.equal(onStartup.length, 2);
});

Deno.test("disposing runs the shutdown functions one after the other, the last first, and once", async () => {
  const log: string[] = [];
  const app = bootstrap(handlers(), { onShutdown: [hook(log, "first"), hook(log, "second")] });
  await Promise.all([app[Symbol.asyncDispose](), app[Symbol.asyncDispose]()]);
  await app[Symbol.asyncDispose]();
  assert.deepEqual(log, ["second begins", "second ends", "first begins", "first ends"]);
});

Deno.test("disposing runs all shutdown functions although one fails, and then fails with its error", async () => {
  const log: string[] = [];
  const app = bootstrap(handlers(), {
    onShutdown: [() => void log.push("first"), () => {
      throw new Error("Second");
    }, () => void log.push("third")],
  });
  await assert.rejects(async () => await app[Symbol.asyncDispose](), { message: "Second" });
  assert.deepEqual(log, ["third", "first"]);
});

Deno.test("disposing during start-up lets that end before the shutdown functions run", async () => {
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const app = bootstrap(handlers(), {
    onStartup: [async () => {
      await gate.promise;
      log.push("opened");
    }],
    onShutdown: [() => void log.push("closed")],
  });
  const started = app.start();
  const disposed = app[Symbol.asyncDispose]();
  await settled();
  gate.resolve();
  await Promise.all([started, disposed]);
  assert.deepEqual(log, ["opened", "closed"]);
});

Deno.test("disposing waits for calls in flight, with their nested sends and events", async () => {
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, { emit, send }) => {
        await gate.promise;
        log.push(await send(Nested()));
        emit(Done());
        return "";
      })
      .on(Nested, () => "nested")
      .on(Done, async (_data, { send }) => void log.push(`event ${await send(Nested())}`)),
    { onShutdown: [() => void log.push("shutdown")] },
  );
  const sent = app.send(Do());
  const disposed = app[Symbol.asyncDispose]();
  await settled();
  await assert.rejects(app.send(Do()), { code: "app_closed" });
  assert.deepEqual(log, []);
  gate.resolve();
  await sent;
  await disposed;
  assert.deepEqual(log, ["nested", "event nested", "shutdown"]);
});

Deno.test("start() after disposing is refused, and runs nothing", async () => {
  let starts = 0;
  const app = bootstrap(handlers(), { onStartup: [() => void starts++] });
  await app[Symbol.asyncDispose]();
  await assert.rejects(app.start(), { code: "app_closed" });
  assert.equal(starts, 0);
});

Deno.test("disposing waits for dispatched and emitted events", async () => {
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Done, async () => {
      await gate.promise;
      log.push("event");
    }),
    { onShutdown: [() => void log.push("shutdown")] },
  );
  const running = [app.dispatch(Done()), app.emit(Done())];
  const disposed = app[Symbol.asyncDispose]();
  await settled();
  gate.resolve();
  await Promise.all([...running, disposed]);
  assert.deepEqual(log, ["event", "event", "shutdown"]);
});

Deno.test("disposing waits for the end of the scopes of calls in flight", async () => {
  const Unit = token<object>("unit of work");
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const services = container().provide(Unit, () => ({}), {
    lifetime: "scoped",
    dispose: async () => {
      await gate.promise;
      log.push("unit ended");
    },
  });
  const Use = command("use");
  const use = async (_data: unknown, { resolve }: Context) => void await resolve(Unit);
  const app = bootstrap(
    handlers().on(Use, use).on(Done, use).on(Items, async function* (data, context) {
      await use(data, context);
      yield 1;
    }),
    { container: services, onShutdown: [() => void log.push("shutdown")] },
  );
  const running = [app.send(Use()), app.dispatch(Done()), Array.fromAsync(app.stream(Items()))];
  await settled();
  const disposed = app[Symbol.asyncDispose]();
  await settled();
  gate.resolve();
  await Promise.all([...running, disposed]);
  assert.deepEqual(log, ["unit ended", "unit ended", "unit ended", "shutdown"]);
});

Deno.test("disposing an app that runs nothing ends at once", async () => {
  await bootstrap(handlers())[Symbol.asyncDispose]();
});

Deno.test("disposing leaves what was handed to the app open: whoever opened it closes it", async () => {
  const services = container();
  services[Symbol.asyncDispose] = () => assert.fail("The container was disposed");
  const app = bootstrap(handlers(), {
    container: services,
    broker: {
      publish: () => assert.fail(),
      [Symbol.asyncDispose]: () => assert.fail("The broker was disposed"),
    },
  });
  await app[Symbol.asyncDispose]();
});

Deno.test("a call that failed or was refused does not keep the app from being disposed", async () => {
  const app = bootstrap(
    handlers()
      .on(Do, () => {
        throw new Error("Failed");
      })
      .on(Items, () => {
        throw new Error("Failed");
      })
      .on(Done, () => {
        throw new Error("Failed");
      }),
  );
  await app.send(Do()).catch(() => {});
  await app.stream(Items()).next().catch(() => {});
  await app.stream(Items()).return();
  await app.dispatch(Done()).catch(() => {});
  // @ts-expect-error The app does not handle queries.
  await app.send(Nested()).catch(() => {});
  await app.send(Do(), { signal: AbortSignal.abort() }).catch(() => {});
  await app.stream(Items(), { signal: AbortSignal.abort() }).next().catch(() => {});
  await app[Symbol.asyncDispose]();
});

Deno.test("a start-up that fails under a stream does not keep the app from being disposed", async () => {
  const app = bootstrap(
    handlers().on(Items, async function* () {
      yield 1;
    }),
    { onStartup: [() => Promise.reject(new Error("No database"))] },
  );
  await assert.rejects(app.stream(Items()).next(), { message: "No database" });
  await app[Symbol.asyncDispose]();
});

Deno.test("a stream that is left during start-up runs nothing and does not keep the app from being disposed", async () => {
  const gate = Promise.withResolvers<void>();
  const app = bootstrap(handlers().on(Items, () => assert.fail("run")), {
    onStartup: [() => gate.promise],
  });
  const stream = app.stream(Items());
  const reading = stream.next();
  const left = stream.return();
  gate.resolve();
  await left;
  assert.equal((await reading).done, true);
  await app[Symbol.asyncDispose]();
});
