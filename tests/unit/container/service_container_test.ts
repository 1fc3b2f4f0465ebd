import assert from "node:assert/strict";
import { token } from "../../../mod.ts";
import { container, ProviderNotFoundError } from "../../../src/container/mod.ts";
import { settled } from "../mediator/support.ts";

const Config = token<{ url: string }>("config");
class Pool {
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
}

Deno.test("resolve() gives what a provider makes, for classes and tokens", async () => {
  const services = container()
    .provide(Config, () => ({ url: "db:" }))
    .provide(Pool, async ({ resolve }) => new Pool((await resolve(Config)).url));
  assert.deepEqual(await services.resolve(Config), { url: "db:" });
  assert.equal((await services.resolve(Pool)).url, "db:");
});

Deno.test("resolve() rejects with an error that names a service which nothing provides", async () => {
  for (const [token, service] of [[Config, "config"], [Pool, "Pool"]] as const) {
    await assert.rejects(container().resolve<object>(token), (error) => {
      assert.ok(error instanceof ProviderNotFoundError);
      assert.equal(error.code, "provider_not_found");
      assert.equal(error.service, service);
      assert.equal(error.message, `Cannot resolve "${service}" as nothing provides it`);
      return true;
    });
  }
});

Deno.test("resolve() rejects with an error that names a missing dependency, not who needs it", async () => {
  const services = container().provide(Pool, async ({ resolve }) => {
    return new Pool((await resolve(Config)).url);
  });
  await assert.rejects(services.resolve(Pool), { service: "config" });
});

Deno.test("resolve() rejects with what a provider throws", async () => {
  const failure = new Error("Down");
  const services = container().provide(Pool, () => {
    throw failure;
  });
  await assert.rejects(services.resolve(Pool), (error) => error === failure);
});

Deno.test("resolve() can be taken out of what a provider receives", async () => {
  const services = container()
    .provide(Config, () => ({ url: "db:" }))
    .provide(Pool, ({ resolve }) => resolve(Config).then(({ url }) => new Pool(url)));
  assert.equal((await services.resolve(Pool)).url, "db:");
});

Deno.test("has() tells what is provided", () => {
  const services = container().provide(Config, () => ({ url: "" }));
  assert.equal(services.has(Config), true);
  assert.equal(services.has(Pool), false);
  assert.equal(services.createScope().has?.(Config), true);
});

Deno.test("two tokens with one description are two services", async () => {
  const A = token<number>("same");
  const B = token<number>("same");
  const services = container().provide(A, () => 1).provide(B, () => 2);
  assert.deepEqual([await services.resolve(A), await services.resolve(B)], [1, 2]);
});

Deno.test("provide() again replaces what was provided before", async () => {
  const services = container().provide(Config, () => ({ url: "a" })).provide(Config, () => ({
    url: "b",
  }));
  assert.equal((await services.resolve(Config)).url, "b");
});

/** A container with a service of the lifetime, and how often that was made. */
function counting(lifetime?: "singleton" | "scoped" | "transient") {
  let made = 0;
  const services = container().provide(
    Config,
    () => ({ url: `${++made}` }),
    lifetime && { lifetime },
  );
  return { services, made: () => made };
}

for (const lifetime of [undefined, "transient"] as const) {
  Deno.test(`a service is made for each who asks when its lifetime is ${lifetime}`, async () => {
    const { services, made } = counting(lifetime);
    const scope = services.createScope();
    await services.resolve(Config);
    await services.resolve(Config);
    await scope.resolve(Config);
    await scope.resolve(Config);
    assert.equal(made(), 4);
  });
}

Deno.test("a singleton is made once for the container and all of its scopes", async () => {
  const { services, made } = counting("singleton");
  const first = await services.createScope().resolve(Config);
  assert.equal(await services.createScope().resolve(Config), first);
  assert.equal(await services.resolve(Config), first);
  assert.equal(made(), 1);
});

Deno.test("a scoped service is made once for each scope", async () => {
  const { services, made } = counting("scoped");
  const [a, b] = [services.createScope(), services.createScope()];
  assert.equal(await a.resolve(Config), await a.resolve(Config));
  assert.notEqual(await a.resolve(Config), await b.resolve(Config));
  assert.equal(made(), 2);
});

for (const lifetime of ["singleton", "scoped"] as const) {
  Deno.test(`a ${lifetime} service that is asked for concurrently is made once`, async () => {
    const gate = Promise.withResolvers<void>();
    let made = 0;
    const services = container().provide(Config, async () => {
      made++;
      await gate.promise;
      return { url: "" };
    }, { lifetime });
    const scope = services.createScope();
    const resolving = [1, 2, 3].map(() => scope.resolve(Config));
    await settled();
    gate.resolve();
    const [first, ...others] = await Promise.all(resolving);
    for (const other of others) assert.equal(other, first);
    assert.equal(made, 1);
  });

  Deno.test(`a ${lifetime} service whose making failed is made anew for the next who asks`, async () => {
    let made = 0;
    const services = container().provide(Config, () => {
      if (++made === 1) throw new Error("Down");
      return { url: "up" };
    }, { lifetime });
    const scope = services.createScope();
    await assert.rejects(async () => await scope.resolve(Config), { message: "Down" });
    assert.equal((await scope.resolve(Config)).url, "up");
  });
}

Deno.test("a scoped service cannot be resolved outside of a scope", async () => {
  const { services } = counting("scoped");
  await assert.rejects(services.resolve(Config), {
    name: "TypeError",
    message: 'Cannot resolve "config" outside of a scope as it is scoped',
  });
});

Deno.test("a singleton cannot hold on to a scoped service, also when it is asked for in a scope", async () => {
  const { services } = counting("scoped");
  services.provide(Pool, async ({ resolve }) => new Pool((await resolve(Config)).url), {
    lifetime: "singleton",
  });
  await assert.rejects(async () => await services.createScope().resolve(Pool), {
    name: "TypeError",
    message: 'Cannot resolve "config" for "Pool", which is made outside of a scope',
  });
});

Deno.test("services that need many others in many ways are made without delay", async () => {
  const layers = Array.from({ length: 40 }, () => [1, 2, 3].map((n) => token<number>(`${n}`)));
  const services = container();
  for (const [index, layer] of layers.entries()) {
    const needed = layers[index + 1] ?? [];
    for (const service of layer) {
      services.provide(service, async ({ resolve }) => {
        await Promise.all(needed.map((other) => resolve(other)));
        return index;
      }, { lifetime: "singleton" });
    }
  }
  const [[first] = []] = layers;
  assert.equal(await services.resolve(first ?? assert.fail()), 0);
});

Deno.test("a transient service in a scope gets the scoped services of that scope", async () => {
  const { services } = counting("scoped");
  services.provide(Pool, async ({ resolve }) => new Pool((await resolve(Config)).url));
  const scope = services.createScope();
  const { url } = await scope.resolve(Config);
  assert.equal((await scope.resolve(Pool)).url, url);
});

const A = token<unknown>("A");
const B = token<unknown>("B");
const C = token<unknown>("C");

for (const lifetime of ["singleton", "scoped", "transient"] as const) {
  Deno.test(`${lifetime} services that need each other are refused with the way round`, async () => {
    const services = container()
      .provide(A, ({ resolve }) => resolve(B), { lifetime })
      .provide(B, ({ resolve }) => resolve(C), { lifetime })
      .provide(C, ({ resolve }) => resolve(A), { lifetime });
    await assert.rejects(async () => await services.createScope().resolve(A), {
      name: "TypeError",
      message: 'Cannot resolve "A": A needs B needs C needs A',
    });
  });
}

Deno.test("services that need each other are refused as well when both are asked for at once", async () => {
  const services = container()
    .provide(A, async ({ resolve }) => {
      await Promise.resolve();
      return await resolve(B);
    }, { lifetime: "singleton" })
    .provide(B, async ({ resolve }) => {
      await Promise.resolve();
      return await resolve(A);
    }, { lifetime: "singleton" });
  let outcomes: readonly PromiseSettledResult<unknown>[] | undefined;
  Promise.allSettled([services.resolve(A), services.resolve(B)]).then((all) => outcomes = all);
  await settled();
  assert.deepEqual(outcomes?.map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("a service may be needed twice on two ways", async () => {
  const services = container()
    .provide(A, async ({ resolve }) => [await resolve(B), await resolve(C)])
    .provide(B, ({ resolve }) => resolve(C))
    .provide(C, () => "c");
  assert.deepEqual(await services.resolve(A), ["c", "c"]);
});

/** A container whose services tell when they are disposed. */
function disposable(lifetime: "singleton" | "scoped" | "transient") {
  const log: string[] = [];
  const services = container()
    .provide(A, async ({ resolve }) => ({ needs: await resolve(B) }), {
      lifetime,
      dispose: () => void log.push("A"),
    })
    .provide(B, () => ({}), {
      lifetime,
      dispose: async () => {
        await Promise.resolve();
        log.push("B");
      },
    })
    .provide(C, () => ({}), { lifetime, dispose: () => void log.push("C") });
  return { services, log };
}

Deno.test("disposing a scope ends its services, what was needed last, and nothing else", async () => {
  const { services, log } = disposable("scoped");
  const [scope, other] = [services.createScope(), services.createScope()];
  await scope.resolve(C);
  await scope.resolve(A);
  await other.resolve(A);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["A", "B", "C"]);
});

Deno.test("disposing a scope leaves singletons alone", async () => {
  const { services, log } = disposable("singleton");
  const scope = services.createScope();
  await scope.resolve(A);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
  await services[Symbol.asyncDispose]();
  assert.deepEqual(log, ["A", "B"]);
});

Deno.test("a service that another provider hands on ends once, with whoever made it", async () => {
  const { services, log } = disposable("singleton");
  const Alias = token<unknown>("alias");
  services.provide(Alias, ({ resolve }) => resolve(C), {
    lifetime: "scoped",
    dispose: () => void log.push("alias"),
  });
  const scope = services.createScope();
  assert.equal(await scope.resolve(Alias), await services.resolve(C));
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
  await services[Symbol.asyncDispose]();
  assert.deepEqual(log, ["C"]);
});

Deno.test("a transient service that a scoped provider hands on ends with the scope", async () => {
  const { services, log } = disposable("transient");
  const Alias = token<unknown>("alias");
  services.provide(Alias, ({ resolve }) => resolve(C), {
    lifetime: "scoped",
    dispose: () => void log.push("alias"),
  });
  const scope = services.createScope();
  await scope.resolve(Alias);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["alias"]);
});

Deno.test("transient services are their owner's to end", async () => {
  const { services, log } = disposable("transient");
  const scope = services.createScope();
  await scope.resolve(A);
  await scope[Symbol.asyncDispose]();
  await services[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
});

Deno.test("disposing twice ends each service once", async () => {
  const { services, log } = disposable("scoped");
  const scope = services.createScope();
  await scope.resolve(C);
  await scope[Symbol.asyncDispose]();
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["C"]);
});

Deno.test("a service is ended by its own dispose method when none is given", async () => {
  const log: string[] = [];
  const service = (name: string, own: object) => ({ name, ...own });
  const services = container()
    .provide(A, () => service("a", { [Symbol.dispose]: () => void log.push("dispose") }), {
      lifetime: "singleton",
    })
    .provide(
      B,
      () =>
        service("b", {
          [Symbol.dispose]: () => assert.fail("called"),
          [Symbol.asyncDispose]: async () => {
            await Promise.resolve();
            log.push("asyncDispose");
          },
        }),
      { lifetime: "singleton" },
    )
    .provide(C, () => "a string", { lifetime: "singleton" });
  for (const token of [A, B, C]) await services.resolve(token);
  await services[Symbol.asyncDispose]();
  assert.deepEqual(log, ["asyncDispose", "dispose"]);
});

Deno.test("the dispose method of a service keeps its this", async () => {
  class Connection {
    isOpen = true;
    [Symbol.dispose](): void {
      this.isOpen = false;
    }
  }
  const services = container().provide(Connection, () => new Connection(), {
    lifetime: "singleton",
  });
  const connection = await services.resolve(Connection);
  await services[Symbol.asyncDispose]();
  assert.equal(connection.isOpen, false);
});

Deno.test("disposing ends all services although one fails, and then fails with its error", async () => {
  const failure = new Error("B fails");
  const log: string[] = [];
  const services = container()
    .provide(A, () => ({}), { lifetime: "singleton", dispose: () => void log.push("A") })
    .provide(B, () => ({}), { lifetime: "singleton", dispose: () => Promise.reject(failure) })
    .provide(C, () => ({}), { lifetime: "singleton", dispose: () => void log.push("C") });
  for (const token of [A, B, C]) await services.resolve(token);
  await assert.rejects(
    async () => await services[Symbol.asyncDispose](),
    (error) => error === failure,
  );
  assert.deepEqual(log, ["C", "A"]);
});

Deno.test("disposing fails with all errors when several services fail", async () => {
  const errors = [new Error("A fails"), new Error("B fails")];
  const services = container();
  for (const [index, token] of [A, B].entries()) {
    services.provide(token, () => ({}), {
      lifetime: "singleton",
      dispose: () => Promise.reject(errors[index]),
    });
    await services.resolve(token);
  }
  await assert.rejects(async () => await services[Symbol.asyncDispose](), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors, errors.toReversed());
    return true;
  });
});

Deno.test("disposing waits for a service that is being made, and ends it", async () => {
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const services = container().provide(A, async () => {
    await gate.promise;
    return {};
  }, { lifetime: "singleton", dispose: () => void log.push("A") });
  const resolving = services.resolve(A);
  const disposing = services[Symbol.asyncDispose]();
  await settled();
  assert.deepEqual(log, []);
  gate.resolve();
  await resolving;
  await disposing;
  assert.deepEqual(log, ["A"]);
});

Deno.test("a disposed scope makes no further services", async () => {
  const { services } = disposable("scoped");
  const scope = services.createScope();
  await scope[Symbol.asyncDispose]();
  await assert.rejects(async () => await scope.resolve(C), { name: "TypeError" });
});

Deno.test("a disposed scope does not give a service that it has ended", async () => {
  const { services } = disposable("scoped");
  const scope = services.createScope();
  await scope.resolve(C);
  await scope[Symbol.asyncDispose]();
  await assert.rejects(async () => await scope.resolve(C), { name: "TypeError" });
});
