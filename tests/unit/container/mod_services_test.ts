import assert from "node:assert/strict";
import { bootstrap, command, handlers, type Scope, token } from "../../../mod.ts";
import {
  FixedRates,
  Greeting,
  Handler,
  Pool,
  Rates,
  Session,
  TestRates,
  Unit,
  unitOf,
  Unknown,
  type Workshop,
  workshops,
} from "./containers.ts";

const Do = command("do").returns<unknown>();

/** A test of each container. */
function test(
  behaviour: string,
  run: (workshop: Workshop, open: () => Workshop) => Promise<void> | void,
): void {
  for (const [name, open] of Object.entries(workshops)) {
    Deno.test(`${name} ${behaviour}`, () => run(open(), open));
  }
}

async function scopeOf({ services }: Workshop): Promise<Scope> {
  const scope = await services.createScope?.();
  assert.ok(scope);
  return scope;
}

test("gives the services of classes and tokens", async (workshop) => {
  await using scope = await scopeOf(workshop);
  assert.ok(await scope.resolve(Unit) instanceof Unit);
  assert.equal(await scope.resolve(Greeting), "hello");
  assert.equal(await workshop.services.resolve(Greeting), "hello");
});

test("gives a service for its very class, and not for another of that name", async ({ services }) => {
  class Namesake {
    readonly isOpen: boolean;
    constructor(isOpen: boolean) {
      this.isOpen = isOpen;
    }
  }
  Object.defineProperty(Namesake, "name", { value: "Pool" });
  assert.ok(await services.resolve(Pool) instanceof Pool);
  await assert.rejects(async () => await services.resolve(Namesake), /Pool/);
});

test("builds a class with what its constructor takes", async (workshop) => {
  await using scope = await scopeOf(workshop);
  const { number } = await scope.resolve(Unit);
  const handler = await scope.resolve(Handler);
  assert.equal(handler.handle(), `unit ${number}, session in ${number}, 1.1 dollars`);
});

test("gives an implementation for an interface", async ({ services }) => {
  assert.ok(await services.resolve(Rates) instanceof FixedRates);
});

test("gives the implementation that took the place of another, also to who needs the interface", async (workshop) => {
  workshop.override();
  await using scope = await scopeOf(workshop);
  assert.ok(await workshop.services.resolve(Rates) instanceof TestRates);
  assert.match((await scope.resolve(Handler)).handle(), /2 dollars$/);
});

test("is asked each time: what is registered when the app is there already counts", async ({ services, override }) => {
  const app = bootstrap(handlers().on(Do, Handler), { container: services });
  override();
  assert.match(String(await app.send(Do())), /2 dollars$/);
});

test(
  "leaves nothing to the container that another app is given",
  async ({ services, log }, open) => {
    const registry = handlers().on(Do, async (_data, context) => [
      await unitOf(context),
      await context.resolve(Pool),
    ]);
    const [, pool] = await bootstrap(registry, { container: services }).send(Do()) as unknown[];
    const seen = [...log];
    const other = open();
    const [unit, otherPool] = await bootstrap(registry, { container: other.services })
      .send(Do()) as unknown[];
    assert.equal(unit, 1);
    assert.notEqual(otherPool, pool);
    assert.deepEqual(log, seen);
  },
);

test("rejects with an error that names a class which is not registered", async (workshop) => {
  await using scope = await scopeOf(workshop);
  for (const asked of [workshop.services, scope]) {
    await assert.rejects(async () => await asked.resolve(Unknown), /Unknown/);
  }
});

test("rejects with an error that names a token which is not registered", async (workshop) => {
  const Missing = token<string>("missing");
  await using scope = await scopeOf(workshop);
  for (const asked of [workshop.services, scope]) {
    await assert.rejects(async () => await asked.resolve(Missing), /"missing"/);
  }
});

test("lets bootstrap() refuse a handler class that is not registered", ({ services }) => {
  assert.throws(() => bootstrap(handlers().on(Do, Unknown), { container: services }), {
    name: "TypeError",
    message: 'Cannot handle "do" as the container does not know "Unknown"',
  });
});

test("tells what it has, scoped or not, and makes nothing for that", ({ services, log }) => {
  for (const known of [Pool, Rates, Greeting, Unit, Session, Handler]) {
    assert.equal(services.has?.(known), true);
  }
  assert.equal(services.has?.(Unknown), false);
  assert.equal(services.has?.(token("missing")), false);
  assert.deepEqual(log, []);
});

test("awaits a provider that is asynchronous, also for who needs its service", async (workshop) => {
  await using scope = await scopeOf(workshop);
  const session = await scope.resolve(Session);
  assert.ok(session instanceof Session);
  assert.ok(session.pool instanceof Pool);
  assert.equal(session.pool, await workshop.services.resolve(Pool));
});

test("makes an asynchronous service once for those in a scope who ask at once", async (workshop) => {
  await using scope = await scopeOf(workshop);
  const [first, second] = await Promise.all([scope.resolve(Session), scope.resolve(Session)]);
  assert.equal(first, second);
  assert.equal(first, await scope.resolve(Session));
  assert.deepEqual(workshop.log, ["unit 1 made", "pool made", "session in 1 made"]);
});

test("makes an asynchronous singleton once for two scopes that ask at once", async (workshop) => {
  await using one = await scopeOf(workshop);
  await using other = await scopeOf(workshop);
  const [first, second] = await Promise.all([one.resolve(Session), other.resolve(Session)]);
  assert.notEqual(first, second);
  assert.equal(first.pool, second.pool);
  assert.equal(workshop.log.filter((entry) => entry === "pool made").length, 1);
});

test("ends the services of a scope, the newest first, and none of another", async (workshop) => {
  const [scope, other] = [await scopeOf(workshop), await scopeOf(workshop)];
  await scope.resolve(Session);
  await other.resolve(Session);
  workshop.log.length = 0;
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(workshop.log, ["session in 1 ended", "unit 1 ended"]);
  await other[Symbol.asyncDispose]();
  assert.deepEqual(workshop.log.slice(2), ["session in 2 ended", "unit 2 ended"]);
});

test("ends each service once when a scope is disposed twice", async (workshop) => {
  const scope = await scopeOf(workshop);
  await scope.resolve(Unit);
  await scope[Symbol.asyncDispose]();
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(workshop.log, ["unit 1 made", "unit 1 ended"]);
});

test("makes nothing in a scope that is disposed", async (workshop) => {
  const scope = await scopeOf(workshop);
  await scope.resolve(Unit);
  await scope[Symbol.asyncDispose]();
  workshop.log.length = 0;
  for (const token of [Unit, Session, Handler]) {
    await assert.rejects(async () => await scope.resolve<object>(token));
  }
  assert.deepEqual(workshop.log, []);
});

test("ends a scope in which nothing was made", async (workshop) => {
  const scope = await scopeOf(workshop);
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(workshop.log, []);
});
