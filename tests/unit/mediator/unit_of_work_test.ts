import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  type Envelope,
  handlers,
  type Middleware,
  type MiddlewareContext,
  notification,
  streamRequest,
  type,
} from "../../../mod.ts";
import type { UnitOfWork } from "../../../src/mediator/mod.ts";
import { bodyOf, recorder, settled } from "./support.ts";

const Do = command("do").returns<string>();
const Nested = command("nested");
const Done = domainEvent("done");
const Items = streamRequest("items").yields<number>();
const Told = notification("told", { topic: "news", data: type<number>() });
const failure = new Error("Failed");

/** A unit of work that keeps what it stores. */
function unit(): UnitOfWork & { readonly stored: unknown[] } {
  const stored: unknown[] = [];
  return {
    stored,
    store(envelopes: readonly Envelope[]) {
      stored.push(...envelopes.map(bodyOf));
      return Promise.resolve();
    },
  };
}

Deno.test("a middleware that opens a unit of work gets what is emitted inside before its next() resolves", async () => {
  const work = unit();
  const log: unknown[] = [];
  const open: Middleware = async (_context, next) => {
    const result = await next({ unitOfWork: work });
    log.push([...work.stored]);
    return result;
  };
  const app = bootstrap(
    handlers().on(Done, () => void log.push("event")).use(open).on(Do, (_data, { emit }) => {
      emit(Told(1), Done());
      return "done";
    }),
  );
  assert.equal(await app.send(Do()), "done");
  assert.deepEqual(log, [[1], "event"]);
});

Deno.test("a middleware that calls next() at once opens a unit of work as well", async () => {
  const work = unit();
  const { observer, log } = recorder();
  const app = bootstrap(
    handlers().use((_context, next) => next({ unitOfWork: work })).on(Do, (_data, { emit }) => {
      emit(Told(1));
      return "done";
    }),
    { observer },
  );
  await app.send(Do());
  assert.deepEqual(log(), ["dispatched do", "stored told", "completed do"]);
});

Deno.test("what is emitted at any time within a unit of work is stored", async () => {
  for (let turns = 0; turns < 5; turns++) {
    const work = unit();
    const app = bootstrap(
      handlers().use((_context, next) => next({ unitOfWork: work })).on(
        Do,
        async (_data, context) => {
          for (let i = 0; i < turns; i++) await Promise.resolve();
          context.emit(Told(turns));
          return "done";
        },
      ),
    );
    await app.send(Do());
    assert.deepEqual(work.stored, [turns]);
  }
});

Deno.test("a middleware that throws at once after it has opened a unit of work fails, and nothing comes out", async () => {
  const work = unit();
  const { observer, of } = recorder();
  const throwing: Middleware = (_context, next) => {
    next({ unitOfWork: work }).catch(() => {});
    throw failure;
  };
  const app = bootstrap(
    handlers().on(Done, () => assert.fail("handled")).use((_context, next) => next()).use(throwing)
      .on(Do, async (_data, { emit }) => {
        emit(Told(1), Done());
        await Promise.resolve();
        return "done";
      }),
    { observer },
  );
  await assert.rejects(app.send(Do()), failure);
  await settled();
  assert.deepEqual(of("stored"), []);
  assert.equal(of("dropped").flatMap(({ messages }) => messages).length, 2);
});

Deno.test("a unit of work is not added to the context, other additions are", async () => {
  const seen: unknown[] = [];
  const open: Middleware<{ tx: number }> = (_context, next) => next({ tx: 7, unitOfWork: unit() });
  const app = bootstrap(
    handlers().use(open).on(Do, (_data, context) => {
      seen.push(context.tx, Object.keys(context));
      return "";
    }),
  );
  await app.send(Do());
  assert.deepEqual(seen, [7, ["tx"]]);
});

Deno.test("unitsOfWork lists what is open around a middleware, the innermost first, and in nested sends", async () => {
  const [outer, inner] = [unit(), unit()];
  const seen: (readonly UnitOfWork[])[] = [];
  const look = (): Middleware => ({ unitsOfWork }, next) => {
    seen.push(unitsOfWork);
    return next();
  };
  const app = bootstrap(
    handlers()
      .add(handlers().use(look()).on(Nested, () => {}))
      .add(handlers().use(look()).on(Done, () => {}))
      .use(look())
      .use((_context, next) => next({ unitOfWork: outer }))
      .use(look())
      .use((_context, next) => next({ unitOfWork: inner }))
      .use(look())
      .on(Do, async (_data, { send, emit }) => {
        await send(Nested());
        emit(Done());
        return "";
      }),
  );
  await app.send(Do());
  assert.deepEqual(seen, [[], [outer], [inner, outer], [inner, outer], []]);
});

Deno.test("committed is undefined until the commit begins, settles with it, and is undefined again if it fails", async () => {
  const gate = Promise.withResolvers<void>();
  let context: MiddlewareContext | undefined;
  let begun: Promise<unknown> | undefined;
  const look: Middleware = (given, next) => {
    context = given;
    return next();
  };
  const open: Middleware = async ({ committed }, next) => {
    assert.equal(committed, undefined);
    const result = await next({ unitOfWork: unit() });
    begun = context?.committed;
    await gate.promise;
    return result;
  };
  const app = bootstrap(handlers().use(look).use(open).on(Do, () => "done"));
  const sent = app.send(Do());
  await settled();
  assert.ok(begun instanceof Promise);
  gate.resolve();
  assert.equal(await begun, "done");
  assert.equal(context?.committed, begun);
  await sent;
});

Deno.test("committed rejects as the commit does, and is undefined after that", async () => {
  let context: MiddlewareContext | undefined;
  const commits: unknown[] = [];
  const look: Middleware = async (given, next) => {
    context = given;
    return await next().catch(() => commits.push(given.committed));
  };
  const open: Middleware = async (_context, next) => {
    await next({ unitOfWork: unit() });
    context?.committed?.catch((error) => commits.push(error));
    throw failure;
  };
  const app = bootstrap(handlers().use(look).use(open).on(Do, () => "done"));
  await app.send(Do());
  await settled();
  assert.equal(context?.committed, undefined);
  assert.ok(commits.includes(failure));
});

Deno.test("a middleware of one's own that gives up can wait for a commit that has begun", async () => {
  const limit = Promise.withResolvers<never>();
  const gate = Promise.withResolvers<void>();
  const giveUp: Middleware = (context, next) =>
    Promise.race([
      next(),
      limit.promise.catch((error) => {
        if (context.committed === undefined) throw error;
        return context.committed;
      }),
    ]);
  const open: Middleware = async (_context, next) => {
    const result = await next({ unitOfWork: unit() });
    await gate.promise;
    return result;
  };
  const app = bootstrap(handlers().use(giveUp).use(open).on(Do, () => "done"));
  const sent = app.send(Do());
  await settled();
  limit.reject(failure);
  await settled();
  gate.resolve();
  assert.equal(await sent, "done");
});

Deno.test("a unit of work is refused for a stream", async () => {
  const app = bootstrap(
    handlers().use((_context, next) => next({ unitOfWork: unit() })).on(Items, async function* () {
      yield 1;
    }),
  );
  await assert.rejects(app.stream(Items()).next(), {
    name: "TypeError",
    message: "Cannot run a stream in a unit of work",
  });
});

Deno.test("bootstrap() asks a middleware about each message that it is to wrap", () => {
  const asked: string[] = [];
  const picky = {
    handle: (_context: unknown, next: () => Promise<unknown>) => next(),
    stream: (_context: unknown, next: () => AsyncIterable<unknown>) => next(),
    check: ({ type, kind }: { type: string; kind: string }) => {
      asked.push(`${kind} ${type}`);
      if (kind === "event") throw new TypeError("No events");
    },
  };
  const registry = handlers().on(Nested, () => {}).use(picky).on(Do, () => "").on(
    Items,
    async function* () {
      yield 1;
    },
  );
  bootstrap(registry);
  assert.deepEqual(asked, ["command do", "stream items"]);
  assert.throws(() => bootstrap(registry.on(Done, () => {})), { message: "No events" });
});
