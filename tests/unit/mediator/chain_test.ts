import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  ChainExhaustedError,
  command,
  type Context,
  domainEvent,
  handlers,
  type LinkContext,
  type MessageOf,
  type,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { recorder, settled } from "./support.ts";

const Pay = command("pay", type<string>()).returns<string>();
const Paid = domainEvent("paid", type<string>());

/** A chain that answers "a", "b" and "c", each by one link, and the calls of its links. */
function abc() {
  const calls = { a: 0, b: 0, c: 0, otherwise: 0 };
  const registry = handlers().on(
    Pay,
    chain(
      (by, { next }) => (calls.a++, by === "a" ? "paid a" : next()),
      (by, { next }) => (calls.b++, by === "b" ? "paid b" : next()),
      (by, { next }) => (calls.c++, by === "c" ? "paid c" : next()),
      {
        otherwise: () => {
          calls.otherwise++;
          return "pay later";
        },
      },
    ),
  );
  return { app: bootstrap(registry), calls };
}

for (
  const [by, answer, calls] of [
    ["a", "paid a", { a: 1, b: 0, c: 0, otherwise: 0 }],
    ["b", "paid b", { a: 1, b: 1, c: 0, otherwise: 0 }],
    ["c", "paid c", { a: 1, b: 1, c: 1, otherwise: 0 }],
    ["shells", "pay later", { a: 1, b: 1, c: 1, otherwise: 1 }],
  ] as const
) {
  Deno.test(`chain() calls its links until one answers, here for "${by}" with "${answer}"`, async () => {
    const chained = abc();
    assert.equal(await chained.app.send(Pay(by)), answer);
    assert.deepEqual(chained.calls, calls);
  });
}

Deno.test("chain() begins anew with every request", async () => {
  const { app, calls } = abc();
  for (const by of ["a", "b", "a"]) await app.send(Pay(by));
  assert.deepEqual(calls, { a: 3, b: 1, c: 0, otherwise: 0 });
});

Deno.test("chain() without a default rejects with a typed error when no link answers", async () => {
  const app = bootstrap(handlers().on(Pay, chain((_by, { next }) => next())));
  await assert.rejects(app.send(Pay("a")), (error) => {
    assert.ok(error instanceof ChainExhaustedError);
    assert.equal(error.code, "chain_exhausted");
    assert.equal(error.messageType, "pay");
    return true;
  });
});

Deno.test("chain() tells an answer of undefined from no answer", async () => {
  const Log = command("log");
  const app = bootstrap(handlers().on(Log, chain(() => undefined)));
  assert.equal(await app.send(Log()), undefined);
});

Deno.test("chain() hands other data to the links that follow, and to the default", async () => {
  const app = bootstrap(
    handlers().on(
      Pay,
      chain(
        (by, { next }) => next(`${by}1`),
        (by, { next, message }) => next(`${by}2${message.type}`),
        { otherwise: (by, { message }) => `${by} ${message.data}` },
      ),
    ),
  );
  assert.equal(await app.send(Pay("x")), "x12pay x12pay");
});

Deno.test("chain() keeps the identity of a message whose data it changes", async () => {
  const app = bootstrap(
    handlers().on(
      Pay,
      chain((_by, { next }) => next("other"), (_by, { id, metadata }) => `${id} ${metadata.key}`),
    ),
  );
  assert.equal(await app.send(Pay("x", { id: "id-1", key: "k" })), "id-1 k");
});

Deno.test("chain() lets a link work with the answer of the next ones", async () => {
  const app = bootstrap(
    handlers().on(
      Pay,
      chain(async (_by, { next }) => `<${await next()}>`, (by) => by),
    ),
  );
  assert.equal(await app.send(Pay("x")), "<x>");
});

Deno.test("chain() does not hand errors over: they reach the caller through the links before", async () => {
  const seen: string[] = [];
  const app = bootstrap(
    handlers().on(
      Pay,
      chain(
        async (_by, { next }) => {
          try {
            return await next();
          } finally {
            seen.push("passed by");
          }
        },
        () => {
          throw new Error("Failed");
        },
        () => "not asked",
      ),
    ),
  );
  await assert.rejects(app.send(Pay("x")), { message: "Failed" });
  assert.deepEqual(seen, ["passed by"]);
});

Deno.test("chain() dispatches the events of every link that succeeded, in the order of their emission", async () => {
  const paid: string[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Pay,
        chain(
          async (_by, { emit, next }) => {
            emit(Paid("first before"));
            const answer = await next();
            emit(Paid("first after"));
            return answer;
          },
          (_by, { emit, next }) => {
            emit(Paid("second"));
            return next();
          },
          { otherwise: (by, { emit }) => (emit(Paid("default")), by) },
        ),
      )
      .on(Paid, (text) => void paid.push(text)),
  );
  await app.send(Pay("x"));
  assert.deepEqual(paid, ["first before", "second", "default", "first after"]);
});

Deno.test("chain() drops the events of a link that failed, when the one before it makes up for it", async () => {
  const { observer, of } = recorder();
  const paid: string[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Pay,
        chain(
          async (_by, { emit, next }) => {
            emit(Paid("first"));
            return await next().catch(() => "made up");
          },
          (_by, { emit }) => {
            emit(Paid("second"));
            throw new Error("Failed");
          },
        ),
      )
      .on(Paid, (text) => void paid.push(text)),
    { observer },
  );
  assert.equal(await app.send(Pay("x")), "made up");
  assert.deepEqual(paid, ["first"]);
  assert.deepEqual(of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)), [
    "second",
  ]);
});

Deno.test("chain() tells the observer of the events of a link that nobody waited for", async () => {
  const gate = Promise.withResolvers<void>();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(
        Pay,
        chain(
          (_by, { next }) => {
            next();
            return "early";
          },
          async (_by, { emit }) => {
            emit(Paid("late"));
            await gate.promise;
            return "late";
          },
        ),
      )
      .on(Paid, () => assert.fail("dispatched")),
    { observer },
  );
  assert.equal(await app.send(Pay("x")), "early");
  gate.resolve();
  await settled();
  assert.equal(of("dropped").length, 1);
});

Deno.test("chain() lets a link ask the next ones twice", async () => {
  let calls = 0;
  const app = bootstrap(
    handlers().on(
      Pay,
      chain(
        async (_by, { next }) => `${await next()} ${await next()}`,
        () => `${++calls}`,
      ),
    ),
  );
  assert.equal(await app.send(Pay("x")), "1 2");
});

Deno.test("chain() builds the classes of links when it comes to them, and not before", async () => {
  const built: string[] = [];
  type PayContext = LinkContext<MessageOf<typeof Pay>, Context>;
  class ByCard {
    handle(by: string, { next }: PayContext): string | Promise<string> {
      return by === "card" ? "by card" : next();
    }
  }
  class ByTransfer {
    handle(): string {
      return "by transfer";
    }
  }
  const services = container()
    .provide(ByCard, () => (built.push("card"), new ByCard()))
    .provide(
      ByTransfer,
      async () => (built.push("transfer"), await Promise.resolve(new ByTransfer())),
    );
  const app = bootstrap(handlers().on(Pay, chain(ByCard, ByTransfer)), { container: services });
  assert.equal(await app.send(Pay("card")), "by card");
  assert.deepEqual(built, ["card"]);
  assert.equal(await app.send(Pay("other")), "by transfer");
  assert.deepEqual(built, ["card", "card", "transfer"]);
});

Deno.test("chain() takes objects as links", async () => {
  const app = bootstrap(
    handlers().on(
      Pay,
      chain({ handle: (_by, { next }) => next() }, { handle: (by) => `object ${by}` }),
    ),
  );
  assert.equal(await app.send(Pay("x")), "object x");
});

Deno.test("chain() can share a link with another chain, or have it twice", async () => {
  const passOn = (_by: string, { next }: LinkContext<MessageOf<typeof Pay>, Context>) => next();
  const once = bootstrap(handlers().on(Pay, chain(passOn, () => "paid")));
  const twice = bootstrap(handlers().on(Pay, chain(passOn, passOn, () => "paid as well")));
  assert.equal(await once.send(Pay("x")), "paid");
  assert.equal(await twice.send(Pay("x")), "paid as well");
});

Deno.test("chain() handles events", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(
      Paid,
      chain((by, { next }) => by === "a" ? void log.push("first") : next(), {
        otherwise: (by) => void log.push(`default ${by}`),
      }),
    ),
  );
  await app.dispatch(Paid("a"));
  await app.dispatch(Paid("b"));
  assert.deepEqual(log, ["first", "default b"]);
});

Deno.test("chain() gives its links what middlewares add", async () => {
  const app = bootstrap(
    handlers().use<{ base: string }>((_context, next) => next({ base: "b" })).on(
      Pay,
      chain((_by, { next }) => next(), (by, { base }) => base + by),
    ),
  );
  assert.equal(await app.send(Pay("x")), "bx");
});

Deno.test("chain() without links is refused", () => {
  assert.throws(() => chain(...([] as never)), {
    name: "TypeError",
    message: "Cannot make a chain without links",
  });
  assert.throws(() => chain({ otherwise: () => {} }), { name: "TypeError" });
});

Deno.test("chain() with a default before its end is refused", () => {
  assert.throws(() => chain({ otherwise: () => {} } as never, () => {}), {
    name: "TypeError",
    message: "Cannot make a chain whose default is not at its end",
  });
});
