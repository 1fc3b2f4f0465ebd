import { asClass, asFunction, asValue, createContainer } from "awilix";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, type Scope, token } from "../../../mod.ts";
import { fromAwilix, ProviderNotFoundError } from "../../../src/container/mod.ts";
import { settled } from "../mediator/support.ts";
import { FixedRates, Pool, Rates } from "./containers.ts";

const Do = command("do").returns<unknown>();

interface Clock {
  now(): number;
}

class Worker {
  readonly pool: Pool;
  constructor({ pool }: { pool: Pool }) {
    this.pool = pool;
  }
}

class ClassicWorker {
  readonly pool: Pool;
  constructor(pool: Pool) {
    this.pool = pool;
  }
  handle(): boolean {
    return this.pool.isOpen;
  }
}

const Clock = token<Clock>("clock");
const Count = token<number>("count");
const A = token<string>("a");
const B = token<string>("b");

async function scopeOf(services: ReturnType<typeof fromAwilix>): Promise<Scope> {
  return await services.createScope();
}

Deno.test("fromAwilix() takes the names of the container, each with a token of what it gives", async () => {
  class Special extends FixedRates {
    readonly pound = 1.3;
  }
  const services = createContainer().register({
    rates: asClass(FixedRates),
    pool: asFunction(() => Promise.resolve(new Pool())),
    clock: asValue({ now: () => 7, zone: "UTC" }),
  });
  const adapted = fromAwilix(services, { rates: Rates, pool: Pool, clock: Clock });
  assert.ok(await adapted.resolve(Rates) instanceof FixedRates);
  assert.ok(await adapted.resolve(Pool) instanceof Pool);
  assert.equal((await adapted.resolve(Clock)).now(), 7);
  // @ts-expect-error -- the container has no such name
  assert.equal(fromAwilix(services, { rate: Rates }).has(Rates), false);
  // @ts-expect-error -- nor if it stands beside one that it has
  assert.equal(fromAwilix(services, { pool: Pool, rate: Rates }).has(Rates), false);
  // @ts-expect-error -- the container gives a pool for it
  fromAwilix(services, { pool: Rates });
  // @ts-expect-error -- the container gives a clock for it
  fromAwilix(services, { clock: Count });
  // @ts-expect-error -- the container gives no such special rates
  fromAwilix(services, { rates: Special });
  // @ts-expect-error -- it is no token
  fromAwilix(services, { clock: "clock" });
});

Deno.test("fromAwilix() takes registrations whose names are symbols", async () => {
  const name = Symbol("rates");
  const services = createContainer().register(name, asClass(FixedRates));
  assert.ok(await fromAwilix(services, { [name]: Rates }).resolve(Rates) instanceof FixedRates);
});

Deno.test("fromAwilix() refuses a token with two names", () => {
  const services = createContainer().register({ one: asClass(Pool), other: asClass(Pool) });
  assert.throws(() => fromAwilix(services, { one: Pool, other: Pool }), {
    name: "TypeError",
    message: 'Cannot map "Pool" twice',
  });
});

Deno.test("fromAwilix() asks the container that it was given, each time", async () => {
  const services = createContainer<{ pool: Pool }>();
  const adapted = fromAwilix(services, { pool: Pool });
  assert.equal(adapted.has(Pool), false);
  const pool = new Pool();
  services.register({ pool: asValue(pool) });
  assert.equal(adapted.has(Pool), true);
  assert.equal(await adapted.resolve(Pool), pool);
});

Deno.test("fromAwilix() rejects a token whose name is not registered with an error that names it", async () => {
  const adapted = fromAwilix(createContainer<{ pool: Pool }>(), { pool: Pool });
  await using scope = await scopeOf(adapted);
  for (const asked of [adapted, scope]) {
    await assert.rejects(
      async () => await asked.resolve(Pool),
      (error) => error instanceof ProviderNotFoundError && error.service === "Pool",
    );
  }
});

Deno.test("fromAwilix() does not go by the description of a token", async () => {
  const services = createContainer().register({ clock: asValue({ now: () => 7 }) });
  const adapted = fromAwilix(services, {});
  assert.equal(adapted.has(Clock), false);
  await assert.rejects(async () => await adapted.resolve(Clock), { service: "clock" });
});

Deno.test("fromAwilix() passes on the error of awilix for what a service misses", async () => {
  const services = createContainer().register({ worker: asClass(Worker) });
  const adapted = fromAwilix(services, { worker: Worker });
  await assert.rejects(async () => await adapted.resolve(Worker), {
    name: "AwilixResolutionError",
    message: /Could not resolve 'pool'/,
  });
});

Deno.test("fromAwilix() leaves the way of injection to awilix", async () => {
  const services = createContainer({ injectionMode: "CLASSIC" }).register({
    pool: asClass(Pool).singleton(),
    worker: asClass(Worker).proxy(),
    classicWorker: asClass(ClassicWorker),
  });
  const adapted = fromAwilix(services, { worker: Worker, classicWorker: ClassicWorker });
  assert.equal(
    (await adapted.resolve(Worker)).pool,
    (await adapted.resolve(ClassicWorker)).pool,
  );
});

Deno.test("fromAwilix() leaves it to a strict awilix to refuse singletons that hold on to scoped services", async () => {
  const services = createContainer({ strict: true }).register({
    pool: asClass(Pool).scoped(),
    worker: asClass(Worker).singleton(),
  });
  const adapted = fromAwilix(services, { worker: Worker });
  await using scope = await scopeOf(adapted);
  await assert.rejects(async () => await scope.resolve(Worker), /shorter lifetime/);
});

Deno.test('fromAwilix() takes a scope that somebody else ends, for strategy "none"', async () => {
  let ended = 0;
  const request = createContainer({ injectionMode: "CLASSIC" }).register({
    pool: asClass(Pool).scoped().disposer(() => void ended++),
    worker: asClass(ClassicWorker),
  }).createScope();
  const app = bootstrap(handlers().on(Do, ClassicWorker), {
    container: fromAwilix(request, { worker: ClassicWorker }),
    scope: "none",
  });
  assert.equal(await app.send(Do()), true);
  assert.equal(await app.send(Do()), true);
  assert.equal(ended, 0);
  await request.dispose();
  assert.equal(ended, 1);
});

/** A container with "a" and "b", which needs "a", and what their disposers log. */
function disposable(lifetime: "SCOPED" | "SINGLETON" | "TRANSIENT") {
  const log: string[] = [];
  const end = (name: string) => async () => {
    log.push(`${name} ends`);
    await settled();
    log.push(`${name} has ended`);
  };
  const services = createContainer().register({
    a: asFunction(() => "a", { lifetime, dispose: end("a") }),
    b: asFunction(({ a }: { a: string }) => `b of ${a}`, { lifetime, dispose: end("b") }),
  });
  return { log, services, adapted: fromAwilix(services, { a: A, b: B }) };
}

Deno.test("a scope of fromAwilix() ends its services one after the other, the newest first", async () => {
  const { log, adapted } = disposable("SCOPED");
  const scope = await scopeOf(adapted);
  assert.equal(await scope.resolve(B), "b of a");
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["b ends", "b has ended", "a ends", "a has ended"]);
});

Deno.test("a scope of fromAwilix() leaves singletons to the container", async () => {
  const { log, adapted, services } = disposable("SINGLETON");
  const scope = await scopeOf(adapted);
  await scope.resolve(B);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
  await services.dispose();
  assert.equal(log.length, 4);
});

Deno.test("a scope of fromAwilix() leaves transient services to their owners", async () => {
  const { log, adapted } = disposable("TRANSIENT");
  const scope = await scopeOf(adapted);
  await scope.resolve(B);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
});

Deno.test("a scope of fromAwilix() gives nothing when it is disposed, also what it had made", async () => {
  const { adapted } = disposable("SCOPED");
  const scope = await scopeOf(adapted);
  await scope.resolve(A);
  await scope[Symbol.asyncDispose]();
  await assert.rejects(async () => await scope.resolve(A), {
    name: "TypeError",
    message: 'Cannot resolve "a" as its scope is disposed',
  });
});

Deno.test("a disposer of awilix gets from its scope what ends after it", async () => {
  const log: string[] = [];
  let made = 0;
  const services = createContainer().register({
    a: asFunction(() => `a ${++made}`).scoped().disposer((a) => log.push(a)),
    b: asFunction((cradle: { a: string }) => () => cradle.a)
      .scoped()
      .disposer((lazy) => log.push(`b of ${lazy()}`)),
  });
  const Lazy = token<() => string>("b");
  const scope = await scopeOf(fromAwilix(services, { a: A, b: Lazy }));
  await scope.resolve(A);
  await scope.resolve(Lazy);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["b of a 1", "a 1"]);
});

Deno.test("a scope of fromAwilix() ends what a disposer makes anew", async () => {
  const log: string[] = [];
  const services = createContainer().register({
    a: asFunction(() => "a").scoped().disposer((a) => log.push(a)),
    b: asFunction((cradle: { a: string }) => () => cradle.a)
      .scoped()
      .disposer((lazy) => log.push(`b of ${lazy()}`)),
  });
  const Lazy = token<() => string>("b");
  const scope = await scopeOf(fromAwilix(services, { b: Lazy }));
  await scope.resolve(Lazy);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(log, ["b of a", "a"]);
});

Deno.test("a scope of fromAwilix() ends all services although one fails, and then fails with its error", async () => {
  const log: string[] = [];
  const failure = new Error("b fails");
  const services = createContainer().register({
    a: asFunction(() => "a").scoped().disposer((a) => log.push(a)),
    b: asFunction(() => "b").scoped().disposer(() => Promise.reject(failure)),
    c: asFunction(() => "c").scoped().disposer((c) => log.push(c)),
  });
  const C = token<string>("c");
  const scope = await scopeOf(fromAwilix(services, { a: A, b: B, c: C }));
  for (const asked of [A, B, C]) await scope.resolve(asked);
  await assert.rejects(async () => await scope[Symbol.asyncDispose](), failure);
  assert.deepEqual(log, ["c", "a"]);
});

Deno.test("a scope of fromAwilix() fails with all errors when several disposers fail", async () => {
  const errors = [new Error("a fails"), new Error("b fails")];
  const services = createContainer().register({
    a: asFunction(() => "a").scoped().disposer(() => Promise.reject(errors[0])),
    b: asFunction(() => "b").scoped().disposer(() => {
      throw errors[1];
    }),
  });
  const scope = await scopeOf(fromAwilix(services, { a: A, b: B }));
  for (const asked of [A, B]) await scope.resolve(asked);
  await assert.rejects(async () => await scope[Symbol.asyncDispose](), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors, errors.toReversed());
    return true;
  });
});
