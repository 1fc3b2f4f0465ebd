import { Container, inject } from "@needle-di/core";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, type Scope, token, withRetry } from "../../../mod.ts";
import { fromNeedleDi } from "../../../src/container/mod.ts";
import { settled } from "../mediator/support.ts";

const Do = command("do").returns<unknown>();

/** A service that logs its end. */
class Service {
  readonly name: string;
  readonly #log: string[];
  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#log.push(`${this.name} ends`);
    await settled();
    this.#log.push(`${this.name} has ended`);
  }
}

const A = token<Service>("a");
const B = token<Service>("b");
const C = token<Service>("c");
const tokens = [[A, "a"], [B, "b"], [C, "c"]] as const;

async function scopeOf(services: ReturnType<typeof fromNeedleDi>): Promise<Scope> {
  return await services.createScope();
}

Deno.test("a scope of fromNeedleDi() ends its services one after the other, the last that was made first", async () => {
  const log: string[] = [];
  const adapted = fromNeedleDi(new Container(), {
    scoped: [
      {
        provide: "b",
        useFactory: () => {
          inject("a");
          return new Service("b", log);
        },
      },
      { provide: "a", useFactory: () => new Service("a", log) },
      {
        provide: "c",
        async: true,
        useFactory: async (scope: Container) => {
          await settled();
          await scope.getAsync("b");
          return new Service("c", log);
        },
      },
    ],
    tokens,
  });
  const scope = await scopeOf(adapted);
  await scope.resolve(C);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, [
    "c ends",
    "c has ended",
    "b ends",
    "b has ended",
    "a ends",
    "a has ended",
  ]);
});

Deno.test("a scope of fromNeedleDi() ends the instances of classes by Symbol.dispose as well", async () => {
  const log: unknown[] = [];
  class Connection {
    isOpen = true;
    [Symbol.dispose](): void {
      this.isOpen = false;
      log.push(this);
    }
  }
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [Connection, { provide: "other", useClass: Connection }],
      tokens: [[token<Connection>("other"), "other"]],
    }),
  );
  const connection = await scope.resolve(Connection);
  await scope[Symbol.asyncDispose]();
  assert.equal(connection.isOpen, false);
  assert.deepEqual(log, [connection]);
});

Deno.test("a scope of fromNeedleDi() ends nothing that its providers did not make", async () => {
  const log: string[] = [];
  const given = new Service("given", log);
  const services = new Container().bind({
    provide: "shared",
    useFactory: () => new Service("shared", log),
  });
  const scope = await scopeOf(
    fromNeedleDi(services, {
      scoped: [{ provide: "a", useValue: given }, { provide: "b", useExisting: "shared" }],
      tokens: [...tokens, [token<Service>("shared"), "shared"]],
    }),
  );
  assert.equal(await scope.resolve(A), given);
  assert.equal(await scope.resolve(B), services.get("shared"));
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
});

for (
  const [how, provider] of [
    ["inject()", { useFactory: () => inject("shared") }],
    ["get()", { useFactory: (scope: Container) => scope.get("shared") }],
    ["several", { useFactory: () => inject("shared", { multi: true })[0] }],
    ["lazy", { useFactory: () => inject("shared", { lazy: true })() }],
    ["getAsync()", { async: true, useFactory: (scope: Container) => scope.getAsync("shared") }],
    [
      "lazy getAsync()",
      { async: true, useFactory: (scope: Container) => scope.getAsync("shared", { lazy: true })() },
    ],
  ] as const
) {
  Deno.test(`a scope of fromNeedleDi() does not end a singleton that its factory hands on, ${how}`, async () => {
    const log: string[] = [];
    const services = new Container().bind({
      provide: "shared",
      useFactory: () => new Service("shared", log),
    });
    const adapted = fromNeedleDi(services, { scoped: [{ provide: "a", ...provider }], tokens });
    const scope = await scopeOf(adapted);
    assert.equal(await scope.resolve(A), services.get("shared"));
    await scope[Symbol.asyncDispose]();
    assert.deepEqual(log, []);
  });
}

Deno.test("a scope of fromNeedleDi() ends a service once that goes by several tokens", async () => {
  const log: string[] = [];
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [
        { provide: "a", useFactory: () => new Service("a", log) },
        { provide: "b", useExisting: "a" },
        { provide: "c", useFactory: () => inject("a") },
      ],
      tokens,
    }),
  );
  assert.equal(await scope.resolve(B), await scope.resolve(C));
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["a ends", "a has ended"]);
});

Deno.test("a scope of fromNeedleDi() ends no service that nobody asked for", async () => {
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [{ provide: "a", useFactory: () => assert.fail("made") }],
      tokens,
    }),
  );
  await scope[Symbol.asyncDispose]();
});

Deno.test("a scope of fromNeedleDi() ends all services although one fails, and then fails with its error", async () => {
  const log: string[] = [];
  const failure = new Error("b fails");
  const broken = { [Symbol.asyncDispose]: () => Promise.reject(failure) };
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [
        { provide: "a", useFactory: () => new Service("a", log) },
        { provide: "b", useFactory: () => broken },
        { provide: "c", useFactory: () => new Service("c", log) },
      ],
      tokens,
    }),
  );
  for (const token of [A, B, C]) await scope.resolve(token);
  await assert.rejects(async () => await scope[Symbol.asyncDispose](), failure);
  assert.deepEqual(log, ["c ends", "c has ended", "a ends", "a has ended"]);
});

Deno.test("a scope of fromNeedleDi() fails with all errors when several services fail to end", async () => {
  const errors = [new Error("a fails"), new Error("b fails")];
  const broken = (error: unknown) => ({ [Symbol.asyncDispose]: () => Promise.reject(error) });
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [
        { provide: "a", useFactory: () => broken(errors[0]) },
        { provide: "b", useFactory: () => broken(errors[1]) },
      ],
      tokens,
    }),
  );
  for (const token of [A, B]) await scope.resolve(token);
  await assert.rejects(async () => await scope[Symbol.asyncDispose](), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors, errors.toReversed());
    return true;
  });
});

Deno.test("a scope of fromNeedleDi() gives nothing when it is disposed, also what it had made", async () => {
  const scope = await scopeOf(
    fromNeedleDi(new Container(), { scoped: [{ provide: "a", useFactory: () => ({}) }], tokens }),
  );
  await scope.resolve(A);
  await scope[Symbol.asyncDispose]();
  await assert.rejects(async () => await scope.resolve(A), {
    name: "TypeError",
    message: 'Cannot resolve "a" as its scope is disposed',
  });
});

Deno.test("a scope of fromNeedleDi() that is disposed makes nothing for who injects lazily", async () => {
  class Lazy {
    readonly get = inject<Service>("a", { lazy: true });
  }
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [Lazy, { provide: "a", useFactory: () => assert.fail("made") }],
    }),
  );
  const { get } = await scope.resolve(Lazy);
  await scope[Symbol.asyncDispose]();
  assert.throws(get, { message: "No provider(s) found for a" });
});

/** A scope with a service that is made when `gate` opens, and a log of what happens. */
async function gated() {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const make = async () => {
    await gate.promise;
    log.push("a made");
    return new Service("a", log);
  };
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [
        { provide: "a", async: true, useFactory: make },
        {
          provide: "b",
          useFactory: (scope: Container) => void scope.getAsync("a").catch(() => {}),
        },
        { provide: "c", useFactory: make },
      ],
      tokens,
    }),
  );
  return { log, gate, scope };
}

for (const [how, token] of [["asynchronous", A], ["that gives a promise", C]] as const) {
  Deno.test(`a scope of fromNeedleDi() waits for a service whose factory is ${how}, and ends it`, async () => {
    const { log, gate, scope } = await gated();
    const resolving = scope.resolve(token);
    const disposing = scope[Symbol.asyncDispose]();
    await settled();
    assert.deepEqual(log, []);
    gate.resolve();
    await disposing;
    assert.equal((await resolving).name, "a");
    assert.deepEqual(log, ["a made", "a ends", "a has ended"]);
  });
}

Deno.test("a scope of fromNeedleDi() waits for a service that nobody has asked for but another service", async () => {
  const { log, gate, scope } = await gated();
  await assert.rejects(async () => await scope.resolve(B), /Requesting a single value for b/);
  const disposing = scope[Symbol.asyncDispose]();
  await settled();
  assert.deepEqual(log, []);
  gate.resolve();
  await disposing;
  assert.deepEqual(log, ["a made", "a ends", "a has ended"]);
});

Deno.test("a scope of fromNeedleDi() waits for what a service sets going that it waits for", async () => {
  const log: string[] = [];
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const scope = await scopeOf(
    fromNeedleDi(new Container(), {
      scoped: [
        {
          provide: "a",
          async: true,
          useFactory: async (scope: Container) => {
            await first.promise;
            scope.getAsync("b");
            return new Service("a", log);
          },
        },
        {
          provide: "b",
          async: true,
          useFactory: async () => {
            await second.promise;
            return new Service("b", log);
          },
        },
      ],
      tokens,
    }),
  );
  const resolving = scope.resolve(A);
  const disposing = scope[Symbol.asyncDispose]();
  first.resolve();
  await resolving;
  await settled();
  assert.deepEqual(log, []);
  second.resolve();
  await disposing;
  assert.deepEqual(log, ["b ends", "b has ended", "a ends", "a has ended"]);
});

Deno.test("a scope of fromNeedleDi() ends while the making of a service fails, which tells who waits for it", async () => {
  const { log, gate, scope } = await gated();
  const resolving = assert.rejects(async () => await scope.resolve(A), { message: "Down" });
  const disposing = scope[Symbol.asyncDispose]();
  gate.reject(new Error("Down"));
  await disposing;
  await resolving;
  assert.deepEqual(log, []);
});

Deno.test("retry() gets a service of fromNeedleDi() made anew in the scope of its call", async () => {
  let made = 0;
  const log: string[] = [];
  const adapted = fromNeedleDi(new Container(), {
    scoped: [{
      provide: "a",
      async: true,
      useFactory: async () => {
        await settled();
        if (++made === 1) throw new Error("Down");
        return new Service(`a ${made}`, log);
      },
    }],
    tokens,
  });
  const app = bootstrap(
    handlers().on(
      Do,
      withRetry(async (_data, { resolve }) => (await resolve(A)).name, { backoff: () => 0 }),
    ),
    { container: adapted, scope: "send" },
  );
  assert.equal(await app.send(Do()), "a 2");
  assert.deepEqual(log, ["a 2 ends", "a 2 has ended"]);
});
