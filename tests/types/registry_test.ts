import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  type Context,
  domainEvent,
  fallback,
  type HandlerModule,
  type HandlerObject,
  handlers,
  type LinkContext,
  type MessageOf,
  type Middleware,
  query,
  type Registry,
  retry,
  streamRequest,
  timeout,
  type,
  withRetry,
  withTimeout,
} from "../../mod.ts";
import { compiled, type Equals, expectType } from "./equals.ts";

const Join = command("join", type<{ userId: string }>());
const Read = query("read", type<{ id: number }>()).returns<{ link: string }>();
const Count = streamRequest("count", type<number>()).yields<number>();
const Entered = domainEvent("entered", type<{ userId: string }>());

Deno.test("handlers() starts with no message and the plain context", () => {
  const empty = handlers();
  expectType<Equals<typeof empty, Registry<never, Context>>>();
});

Deno.test("on() infers the data and the context of a function", () => {
  handlers().on(Join, (data, context) => {
    expectType<Equals<typeof data, { userId: string }>>();
    expectType<Equals<typeof context, Context>>();
  });
  handlers().on(Join, async ({ userId }, { emit, send, signal, resolve }) => {
    expectType<Equals<typeof userId, string>>();
    emit(Entered({ userId }));
    expectType<Equals<typeof signal, AbortSignal>>();
    const read = await send(Read({ id: 1 }));
    expectType<Equals<typeof read, { link: string }>>();
    class Service {
      readonly n = 1;
    }
    const service = await resolve(Service);
    expectType<Equals<typeof service, Service>>();
  });
});

Deno.test("on() infers the data and the context of an object and a generator", () => {
  handlers()
    .on(Join, {
      handle(data, { emit }) {
        expectType<Equals<typeof data, { userId: string }>>();
        emit(Entered(data));
      },
    })
    .on(Count, async function* (n, { signal }) {
      expectType<Equals<typeof n, number>>();
      expectType<Equals<typeof signal, AbortSignal>>();
      yield n;
    });
});

Deno.test("on() takes classes by the shape of their instances", () => {
  class ReadHandler implements HandlerObject<MessageOf<typeof Read>, Context> {
    handle({ id }: { id: number }): { link: string } {
      return { link: `${id}` };
    }
  }
  class NeedsService {
    readonly service: URL;
    constructor(service: URL) {
      this.service = service;
    }
    handle(data: { id: number }, context: Context): Promise<{ link: string }> {
      return context.send(Read(data));
    }
  }
  handlers().on(Read, ReadHandler);
  handlers().on(Read, NeedsService);
  // @ts-expect-error The class handles other data.
  handlers().on(Join, ReadHandler);
  class WrongResult {
    handle(_data: { id: number }): number {
      return 1;
    }
  }
  // @ts-expect-error The class gives another result.
  handlers().on(Read, WrongResult);
  // @ts-expect-error The class does not handle anything.
  handlers().on(Read, class {});
});

Deno.test("on() refuses handlers that give a wrong answer", () => {
  // @ts-expect-error The result is no link.
  handlers().on(Read, () => 7);
  // @ts-expect-error The result is no link.
  handlers().on(Read, async () => await Promise.resolve("link"));
  // @ts-expect-error The result is missing.
  handlers().on(Read, () => {});
  // @ts-expect-error A command without a result gives none.
  handlers().on(Join, { handle: () => 7 });
  // @ts-expect-error An object with a wrong result.
  handlers().on(Read, { handle: () => ({ link: 7 }) });
});

Deno.test("on() refuses handlers of the wrong kind", () => {
  // @ts-expect-error A stream needs an async iterable.
  handlers().on(Count, async () => {});
  // @ts-expect-error A stream needs an async iterable, not an iterable.
  handlers().on(Count, function* () {
    yield 1;
  });
  // @ts-expect-error The items have another type.
  handlers().on(Count, async function* () {
    yield "one";
  });
  // @ts-expect-error A query is answered once.
  handlers().on(Read, async function* () {
    yield { link: "" };
  });
  // @ts-expect-error A chain cannot answer a stream.
  handlers().on(Count, chain(() => "x"));
});

Deno.test("on() refuses handlers that take other data or need more context", () => {
  // @ts-expect-error The data are no string.
  handlers().on(Join, (data: string) => void data);
  // @ts-expect-error Nothing adds a transaction to the context.
  handlers().on(Join, (_data, { tx }) => void tx);
  // @ts-expect-error Nothing adds a transaction to the context.
  handlers().on(Join, (_data: unknown, context: Context & { tx: string }) => void context);
});

Deno.test("on() takes exactly one handler for a request and at least one for an event", () => {
  handlers().on(
    Entered,
    () => {},
    { handle: () => {} },
    class {
      handle(): void {}
    },
  );
  // @ts-expect-error A command has one handler.
  handlers().on(Join, () => {}, () => {});
  // @ts-expect-error A command has one handler, not none.
  assert.throws(() => handlers().on(Join), TypeError);
  // @ts-expect-error An event that is bound has a handler.
  assert.throws(() => handlers().on(Entered), TypeError);
});

Deno.test("on() refuses a request that is handled already, and takes an event again", () => {
  const registry = handlers().on(Join, () => {}).on(Entered, () => {});
  registry.on(Entered, () => {});
  // @ts-expect-error The command is handled already.
  registry.on(Join, () => {});
  // @ts-expect-error Another command of the same name is handled already.
  registry.on(command("join"), () => {});
});

Deno.test("use() types what a middleware adds, for what is bound after it", () => {
  const tx: Middleware<{ tx: { commit(): void } }> = (_context, next) =>
    next({ tx: { commit() {} } });
  const user: Middleware<{ user: string }> = (_context, next) => next({ user: "Ada" });
  handlers()
    .use(tx)
    .on(Join, (_data, context) => {
      expectType<Equals<typeof context.tx, { commit(): void }>>();
      // @ts-expect-error The user is added further in.
      void context.user;
    })
    .use(user)
    .on(Read, (_data, { tx, user }) => {
      expectType<Equals<typeof tx, { commit(): void }>>();
      expectType<Equals<typeof user, string>>();
      return { link: user };
    })
    .on(Count, async function* (_n, { user }) {
      expectType<Equals<typeof user, string>>();
      yield user.length;
    })
    .on(Entered, (_data, { user }) => void user, { handle: (_data, { tx }) => tx.commit() });
});

Deno.test("use() of a middleware that adds nothing keeps the context", () => {
  handlers()
    .use((_context, next) => next())
    .use(retry())
    .use(timeout(1_000))
    .on(Join, (_data, { emit, signal }) => void [emit, signal]);
});

Deno.test("a middleware must hand over what it promises", () => {
  // @ts-expect-error The addition is missing.
  const none: Middleware<{ user: string }> = (_context, next) => next();
  // @ts-expect-error The addition has another type.
  const wrong: Middleware<{ user: string }> = (_context, next) => next({ user: 7 });
  const optional: Middleware<{ user?: string }> = (_context, next) => next();
  void [none, wrong, optional];
});

Deno.test("a middleware has no emit, and sees results as unknown", () => {
  const middleware: Middleware = async (context, next) => {
    // @ts-expect-error A middleware has nothing to emit with.
    void context.emit;
    const result = await next();
    expectType<Equals<typeof result, unknown>>();
    return result;
  };
  void middleware;
});

Deno.test("chain() written inline knows data, context, additions and the result of next", () => {
  handlers()
    .use<{ tariff: string }>((_context, next) => next({ tariff: "x" }))
    .on(
      Read,
      chain(
        (data, { next, emit, tariff }) => {
          expectType<Equals<typeof data, { id: number }>>();
          expectType<Equals<typeof tariff, string>>();
          const rest = next();
          expectType<Equals<typeof rest, Promise<{ link: string }>>>();
          emit(Entered({ userId: "u1" }));
          return data.id === 1 ? { link: "1" } : rest;
        },
        ({ id }, { next }) => next({ id: id + 1 }),
        { handle: ({ id }, { next }) => id === 2 ? { link: "2" } : next() },
        { otherwise: ({ id }, { tariff }) => ({ link: `${id}${tariff}` }) },
      ),
    );
  // @ts-expect-error The link gives another result.
  handlers().on(Read, chain(() => 7));
  // @ts-expect-error The default gives another result.
  handlers().on(Read, chain((_data, { next }) => next(), { otherwise: () => 7 }));
  // @ts-expect-error The data for the next link are of another type.
  handlers().on(Read, chain((_data, { next }) => next("other")));
  const byDefault = { otherwise: () => ({ link: "" }) };
  // @ts-expect-error The default stands at the end.
  compiled(() => handlers().on(Read, chain(byDefault, () => ({ link: "" }))));
});

Deno.test("chain() takes classes that need the way to the next link", () => {
  class Link {
    handle(
      _data: { id: number },
      { next }: LinkContext<MessageOf<typeof Read>, Context>,
    ): Promise<{ link: string }> {
      return next();
    }
  }
  handlers().on(Read, chain(Link, () => ({ link: "" })));
});

Deno.test("on() refuses objects and classes that take narrower data or need more context", () => {
  class NeedsMore {
    handle(_data: { userId: string; role: string }): void {}
  }
  class NeedsTx {
    handle(_data: { userId: string }, _context: Context & { tx: string }): void {}
  }
  class Link {
    handle(
      _data: { id: number },
      { next }: LinkContext<MessageOf<typeof Read>, Context>,
    ): Promise<{ link: string }> {
      return next();
    }
  }
  // @ts-expect-error Nothing gives the data a role.
  handlers().on(Join, NeedsMore);
  // @ts-expect-error Nothing gives the data a role.
  handlers().on(Join, new NeedsMore());
  // @ts-expect-error Nothing adds a transaction to the context.
  handlers().on(Join, NeedsTx);
  // @ts-expect-error Nothing adds a transaction to the context.
  handlers().on(Join, new NeedsTx());
  // @ts-expect-error Nothing adds a transaction to the context.
  handlers().on(Join, fallback(NeedsTx, () => {}));
  // @ts-expect-error Outside of a chain there is no next link.
  handlers().on(Read, Link);
});

Deno.test("fallback(), withRetry() and withTimeout() written inline know data, context and additions", () => {
  handlers()
    .use<{ tariff: string }>((_context, next) => next({ tariff: "x" }))
    .on(
      Read,
      fallback(
        async ({ id }, { signal, tariff }) => {
          expectType<Equals<typeof id, number>>();
          expectType<Equals<typeof tariff, string>>();
          signal.throwIfAborted();
          return await Promise.resolve({ link: `${id}` });
        },
        withRetry(
          withTimeout(({ id }, { tariff }) => ({ link: `${id}${tariff}` }), 100),
          { maxAttempts: 2 },
        ),
      ),
    )
    .on(
      Count,
      fallback(
        async function* (n, { tariff }) {
          expectType<Equals<typeof n, number>>();
          yield tariff.length;
        },
        withRetry(async function* (n) {
          yield n;
        }),
      ),
    )
    .on(Entered, withRetry(({ userId }, { emit }) => emit(Entered({ userId }))));
});

Deno.test("combinators refuse what does not answer their message", () => {
  // @ts-expect-error The secondary gives another result.
  handlers().on(Read, fallback(() => ({ link: "" }), () => 7));
  // @ts-expect-error The primary gives another result.
  handlers().on(Read, fallback(() => 7, () => ({ link: "" })));
  // @ts-expect-error The secondary does not stream.
  handlers().on(Count, fallback(async function* () {}, () => 7));
  // @ts-expect-error The secondary streams.
  handlers().on(Read, fallback(() => ({ link: "" }), async function* () {}));
  // @ts-expect-error The handler gives another result.
  handlers().on(Read, withRetry(() => 7));
  // @ts-expect-error The handler gives another result.
  handlers().on(Read, withTimeout(() => 7, 100));
  // @ts-expect-error The secondary handles other data.
  handlers().on(Read, fallback(() => ({ link: "" }), (_data: string) => ({ link: "" })));
});

Deno.test("add() takes over the messages of another registry", () => {
  const reading = handlers().on(Read, () => ({ link: "" }));
  const module: HandlerModule<MessageOf<typeof Read>> = reading;
  const registry = handlers().on(Join, () => {}).add(reading);
  const app = bootstrap(registry);
  compiled(() => [app.send(Join({ userId: "" })), app.send(Read({ id: 1 }))]);
  void module;
  // @ts-expect-error The query is handled already, in the added registry.
  registry.on(Read, () => ({ link: "" }));
});

Deno.test("a module says what its handlers need, and only who gives it can add it", () => {
  const needy = handlers<{ user: string }>().on(Join, (_data, { user }) => {
    expectType<Equals<typeof user, string>>();
  });
  const signedIn: Middleware<{ user: string }> = (_context, next) => next({ user: "Ada" });
  bootstrap(handlers().use(signedIn).add(needy));
  handlers<{ user: string; tenant: string }>().add(needy);
  // @ts-expect-error Nothing adds a user to the context.
  handlers().add(needy);
  // @ts-expect-error Nothing adds a user to the context.
  bootstrap(needy);
});

Deno.test("a middleware sees what those before it have added", () => {
  const signedIn: Middleware<{ user: string }> = (_context, next) => next({ user: "Ada" });
  const greeted: Middleware<{ greeting: string }, { user: string }> = (context, next) =>
    next({ greeting: `Hello ${context.user}` });
  handlers()
    .use(signedIn)
    .use((context, next) => {
      expectType<Equals<typeof context.user, string>>();
      return next();
    })
    .use(greeted)
    .on(Join, (_data, { greeting, user }) => {
      expectType<Equals<typeof greeting, string>>();
      expectType<Equals<typeof user, string>>();
    });
  // @ts-expect-error Nothing has added a user before it.
  handlers().use(greeted);
});

Deno.test("on() takes combinators of handlers that are declared elsewhere", () => {
  const Pay = command("pay", type<{ by: string }>()).returns<string>();
  type Pay = MessageOf<typeof Pay>;
  function payByCard(_data: { by: string }, { next }: LinkContext<Pay, Context>): Promise<string> {
    return next();
  }
  class PayLater {
    handle(): string {
      return "later";
    }
  }
  function plain(): string {
    return "plain";
  }
  const addUser: Middleware<{ user: string }> = (_context, next) => next({ user: "ada" });
  handlers().on(Pay, chain(payByCard, PayLater));
  handlers().use(addUser).on(Pay, fallback(plain, (_data, { user }) => user));
  handlers().use(addUser).on(Pay, chain(payByCard, (_data, { user, next }) => next({ by: user })));
  handlers().use(addUser).on(Pay, withRetry(plain));
  handlers().use(addUser).on(Pay, withTimeout(withRetry((_data, { user }) => user), 1_000));
});
