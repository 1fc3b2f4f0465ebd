import { asFunction, createContainer } from "awilix";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, type Scope, token, withRetry } from "../../../mod.ts";
import { fromAwilix } from "../../../src/container/mod.ts";
import { settled } from "../mediator/support.ts";

const Do = command("do").returns<unknown>();

const A = token<string>("a");
const B = token<string>("b");

interface Cradle {
  readonly a: Promise<string>;
}

/** A container whose service "a" fails to be made the first time, and "b" needs it. */
function failingOnce(lifetime: "SCOPED" | "SINGLETON") {
  let made = 0;
  const ended: string[] = [];
  const end = async (service: Promise<string>) => void ended.push(await service);
  const services = createContainer().register({
    a: asFunction(async () => {
      await settled();
      if (++made === 1) throw new Error("Down");
      return `a ${made}`;
    }, { lifetime, dispose: end }),
    b: asFunction(async ({ a }: Cradle) => `b of ${await a}`, { lifetime, dispose: end }),
  });
  return { ended, services, adapted: fromAwilix(services, { a: A, b: B }) };
}

async function scopeOf({ adapted }: ReturnType<typeof failingOnce>): Promise<Scope> {
  return await adapted.createScope();
}

for (const lifetime of ["SCOPED", "SINGLETON"] as const) {
  Deno.test(`fromAwilix() has a ${lifetime} service made anew when its making failed`, async () => {
    await using scope = await scopeOf(failingOnce(lifetime));
    await assert.rejects(async () => await scope.resolve(A), { message: "Down" });
    assert.equal(await scope.resolve(A), "a 2");
  });

  Deno.test(`fromAwilix() has a ${lifetime} service made anew with what it needs when the making of that failed`, async () => {
    await using scope = await scopeOf(failingOnce(lifetime));
    await assert.rejects(async () => await scope.resolve(B), { message: "Down" });
    assert.equal(await scope.resolve(B), "b of a 2");
  });

  Deno.test(`fromAwilix() fails all who wait for a ${lifetime} service with its error`, async () => {
    await using scope = await scopeOf(failingOnce(lifetime));
    const outcomes = await Promise.allSettled([scope.resolve(A), scope.resolve(A)]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
    assert.equal(await scope.resolve(A), "a 2");
  });
}

Deno.test("fromAwilix() has a singleton made anew in the next scope when its making failed in one", async () => {
  const workshop = failingOnce("SINGLETON");
  await using scope = await scopeOf(workshop);
  await assert.rejects(async () => await scope.resolve(A), { message: "Down" });
  await using other = await scopeOf(workshop);
  assert.equal(await other.resolve(A), "a 2");
  assert.equal(await workshop.adapted.resolve(A), "a 2");
});

Deno.test("fromAwilix() keeps an asynchronous service that was made when another fails", async () => {
  let made = 0;
  const services = createContainer().register({
    a: asFunction(() => Promise.resolve(`a ${++made}`)).scoped(),
    b: asFunction(async ({ a }: Cradle): Promise<string> => {
      throw new Error(`Down with ${await a}`);
    }).scoped(),
  });
  await using scope = await fromAwilix(services, { a: A, b: B }).createScope();
  await assert.rejects(async () => await scope.resolve(B), { message: "Down with a 1" });
  assert.equal(await scope.resolve(A), "a 1");
});

Deno.test("fromAwilix() keeps what was made in place of a service that fails to be made", async () => {
  const gates = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  let made = 0;
  const services = createContainer().register({
    a: asFunction(() => gates[made++]?.promise ?? assert.fail("made again")).singleton(),
    b: asFunction((): Promise<string> => Promise.reject(new Error("b is down"))),
  });
  const adapted = fromAwilix(services, { a: A, b: B });
  const first = assert.rejects(async () => await adapted.resolve(A), { message: "a is down" });
  await assert.rejects(async () => await adapted.resolve(B), { message: "b is down" });
  await services.dispose();
  const second = adapted.resolve(A);
  gates[0]?.reject(new Error("a is down"));
  await first;
  gates[1]?.resolve("a");
  assert.equal(await second, await adapted.resolve(A));
});

Deno.test("retry() gets a service of fromAwilix() made anew in the scope of its call", async () => {
  const { adapted } = failingOnce("SCOPED");
  const app = bootstrap(
    handlers().on(Do, withRetry((_data, { resolve }) => resolve(B), { backoff: () => 0 })),
    { container: adapted, scope: "send" },
  );
  assert.equal(await app.send(Do()), "b of a 2");
});

Deno.test("a scope of fromAwilix() ends no service whose making failed", async () => {
  const workshop = failingOnce("SCOPED");
  const scope = await scopeOf(workshop);
  await assert.rejects(async () => await scope.resolve(B), { message: "Down" });
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(workshop.ended, []);
});

/** A scope with a service that is made when `gate` opens, and a log of what happens. */
async function gated() {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const services = createContainer().register({
    a: asFunction(async () => {
      await gate.promise;
      log.push("a made");
      return "a";
    }).scoped().disposer(async (a) => log.push(`${await a} ended`)),
    b: asFunction(({ a }: Cradle) => () => a).scoped().disposer(() => log.push("b ended")),
  });
  const Lazy = token<() => Promise<string>>("b");
  const scope = await fromAwilix(services, { a: A, b: Lazy }).createScope();
  return { log, gate, scope, Lazy };
}

Deno.test("a scope of fromAwilix() waits for a service that is being made, and ends it", async () => {
  const { log, gate, scope } = await gated();
  const resolving = scope.resolve(A);
  const disposing = scope[Symbol.asyncDispose]();
  await settled();
  assert.deepEqual(log, []);
  gate.resolve();
  await disposing;
  assert.equal(await resolving, "a");
  assert.deepEqual(log, ["a made", "a ended"]);
});

Deno.test("a scope of fromAwilix() waits for a service that nobody has asked for but another service", async () => {
  const { log, gate, scope, Lazy } = await gated();
  await scope.resolve(Lazy);
  const disposing = scope[Symbol.asyncDispose]();
  await settled();
  assert.deepEqual(log, ["b ended"]);
  gate.resolve();
  await disposing;
  assert.deepEqual(log, ["b ended", "a made", "a ended"]);
});

Deno.test("a scope of fromAwilix() waits for a transient service that goes on asking, and ends what it gets", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const services = createContainer().register({
    a: asFunction(() => "a").scoped().disposer((a) => log.push(`${a} ended`)),
    b: asFunction(async (cradle: { a: string }) => {
      await gate.promise;
      return `b of ${cradle.a}`;
    }),
  });
  const scope = await fromAwilix(services, { a: A, b: B }).createScope();
  const resolving = scope.resolve(B);
  const disposing = scope[Symbol.asyncDispose]();
  gate.resolve();
  assert.equal(await resolving, "b of a");
  await disposing;
  assert.deepEqual(log, ["a ended"]);
});

Deno.test("a scope of fromAwilix() ends while the making of a service fails, which tells who waits for it", async () => {
  const workshop = failingOnce("SCOPED");
  const scope = await scopeOf(workshop);
  const resolving = assert.rejects(async () => await scope.resolve(A), { message: "Down" });
  await scope[Symbol.asyncDispose]();
  await resolving;
  assert.deepEqual(workshop.ended, []);
});

Deno.test("a scope of fromAwilix() ends no service that fails to be made while it waits for it", async () => {
  const { log, gate, scope, Lazy } = await gated();
  await scope.resolve(Lazy);
  const disposing = scope[Symbol.asyncDispose]();
  await settled();
  gate.reject(new Error("Down"));
  await disposing;
  assert.deepEqual(log, ["b ended"]);
});
