import { Container, defineProviders, inject, injectable, InjectionToken } from "@needle-di/core";
import assert from "node:assert/strict";
import { bootstrap, command, handlers, type Scope, token } from "../../../mod.ts";
import { fromNeedleDi, ProviderNotFoundError } from "../../../src/container/mod.ts";
import { FixedRates, Pool, Rates } from "./containers.ts";

const Do = command("do").returns<unknown>();

interface Clock {
  now(): number;
}

class SummerClock {
  readonly offset = 2;
  now(): number {
    return 7;
  }
}

class Worker {
  readonly pool: Pool;
  constructor(pool = inject(Pool)) {
    this.pool = pool;
  }
  handle(): Pool {
    return this.pool;
  }
}

const Clock = token<Clock>("clock");
const Count = token<number>("count");
const CLOCK = new InjectionToken<Clock>("clock");

/** Does what the decorator `@injectable()` does. */
function marked<C extends new () => object>(service: C): C {
  injectable<C>()(service);
  return service;
}

async function scopeOf(services: ReturnType<typeof fromNeedleDi>): Promise<Scope> {
  return await services.createScope();
}

Deno.test("fromNeedleDi() maps tokens to those of Needle DI that give the same", async () => {
  const COUNT = new InjectionToken<number>("count");
  const SUMMER = new InjectionToken<SummerClock>("summer");
  const services = new Container().bindAll(
    { provide: CLOCK, useValue: { now: () => 7 } },
    { provide: SUMMER, useClass: SummerClock },
    { provide: COUNT, async: true, useFactory: () => Promise.resolve(3) },
    { provide: "count", useValue: 4 },
    SummerClock,
  );
  const adapted = fromNeedleDi(services, { tokens: [[Clock, CLOCK], [Count, COUNT]] });
  assert.equal((await adapted.resolve(Clock)).now(), 7);
  assert.equal(await adapted.resolve(Count), 3);
  assert.equal(await fromNeedleDi(services, { tokens: [[Count, "count"]] }).resolve(Count), 4);
  for (const token of [SUMMER, SummerClock]) {
    const clock = await fromNeedleDi(services, { tokens: [[Clock, token]] }).resolve(Clock);
    assert.ok(clock instanceof SummerClock);
  }
  // @ts-expect-error -- it gives a clock
  fromNeedleDi(services, { tokens: [[Count, CLOCK]] });
  // @ts-expect-error -- it gives any clock
  fromNeedleDi(services, { tokens: [[token<SummerClock>("summer"), CLOCK]] });
  // @ts-expect-error -- it makes pools
  fromNeedleDi(services, { tokens: [[Clock, Pool]] });
});

Deno.test("fromNeedleDi() takes providers that Needle DI has checked, and its own forms of them only", () => {
  const scoped = defineProviders(Pool, { provide: CLOCK, useClass: SummerClock });
  assert.equal(fromNeedleDi(new Container(), { scoped }).has(Pool), true);
  // @ts-expect-error -- there is no such way to provide
  fromNeedleDi(new Container(), { scoped: [{ provide: Pool, useThing: Pool }] });
});

Deno.test("fromNeedleDi() refuses a token that is mapped twice", () => {
  assert.throws(
    () => fromNeedleDi(new Container(), { tokens: [[Clock, CLOCK], [Clock, SummerClock]] }),
    { name: "TypeError", message: 'Cannot map "clock" twice' },
  );
});

Deno.test("fromNeedleDi() does not go by the description of a token", async () => {
  const adapted = fromNeedleDi(new Container().bind({ provide: "clock", useValue: {} }));
  assert.equal(adapted.has(Clock), false);
  await assert.rejects(async () => await adapted.resolve(Clock), { service: "clock" });
});

Deno.test("fromNeedleDi() asks the container that it was given, each time", async () => {
  const services = new Container();
  const adapted = fromNeedleDi(services);
  assert.equal(adapted.has(Pool), false);
  services.bind(Pool);
  assert.equal(adapted.has(Pool), true);
  assert.equal(await adapted.resolve(Pool), services.get(Pool));
});

Deno.test("fromNeedleDi() rejects what nothing provides with an error that names it", async () => {
  const adapted = fromNeedleDi(new Container(), { tokens: [[Clock, CLOCK]] });
  await using scope = await scopeOf(adapted);
  for (const asked of [adapted, scope]) {
    for (const [token, service] of [[Pool, "Pool"], [Clock, "clock"]] as const) {
      await assert.rejects(
        async () => await asked.resolve<object>(token),
        (error) => error instanceof ProviderNotFoundError && error.service === service,
      );
    }
  }
});

Deno.test("fromNeedleDi() passes on the error of Needle DI for what a service misses", async () => {
  const adapted = fromNeedleDi(new Container().bind(Worker));
  await assert.rejects(async () => await adapted.resolve(Worker), {
    message: "No provider(s) found for Pool",
  });
});

Deno.test("fromNeedleDi() refuses a scoped service outside of a scope", async () => {
  const adapted = fromNeedleDi(new Container(), { scoped: [Pool] });
  await assert.rejects(async () => await adapted.resolve(Pool), {
    name: "TypeError",
    message: 'Cannot resolve "Pool" outside of a scope as it is scoped',
  });
});

Deno.test("fromNeedleDi() refuses a scoped class outside of a scope although it could bind itself", async () => {
  const Marked = marked(class {});
  const adapted = fromNeedleDi(new Container(), { scoped: [Marked] });
  await assert.rejects(async () => await adapted.resolve(Marked), /outside of a scope/);
});

Deno.test("fromNeedleDi() gives a service of the container outside of a scope, where another is scoped", async () => {
  const shared = new FixedRates();
  const services = new Container().bind({ provide: Rates, useValue: shared });
  const adapted = fromNeedleDi(services, { scoped: [{ provide: Rates, useClass: FixedRates }] });
  assert.equal(await adapted.resolve(Rates), shared);
  await using scope = await scopeOf(adapted);
  assert.notEqual(await scope.resolve(Rates), shared);
});

Deno.test("a scope of fromNeedleDi() gives the singletons of the container", async () => {
  const services = new Container().bind(Pool);
  const adapted = fromNeedleDi(services, { scoped: [Worker] });
  await using one = await scopeOf(adapted);
  await using other = await scopeOf(adapted);
  const [worker, otherWorker] = [await one.resolve(Worker), await other.resolve(Worker)];
  assert.notEqual(worker, otherWorker);
  assert.equal(worker.pool, services.get(Pool));
  assert.equal(otherWorker.pool, worker.pool);
});

/** What binds itself, with a scoped class that needs it. */
function bindingThemselves() {
  const Marked = marked(class {});
  const TOKEN = new InjectionToken<object>("token", { factory: () => ({}) });
  const ASYNC = new InjectionToken<object>("later", {
    async: true,
    factory: () => Promise.resolve({}),
  });
  class Needy {
    readonly needs: object[];
    constructor() {
      this.needs = [inject(Marked), inject(TOKEN), inject(ASYNC)];
    }
  }
  return { Marked, TOKEN, ASYNC, Needy };
}

Deno.test("a scope of fromNeedleDi() leaves it to the container to bind what binds itself", async () => {
  const { Marked, TOKEN, ASYNC, Needy } = bindingThemselves();
  const services = new Container();
  const adapted = fromNeedleDi(services, { scoped: [Needy] });
  for (const _scope of [1, 2]) {
    await using scope = await scopeOf(adapted);
    const { needs } = await scope.resolve(Needy);
    assert.equal(needs[0], services.get(Marked));
    assert.equal(needs[1], services.get(TOKEN));
    assert.equal(needs[2], await services.getAsync(ASYNC));
  }
});

Deno.test("fromNeedleDi() knows what binds itself before it does", async () => {
  const { Marked, TOKEN, ASYNC } = bindingThemselves();
  const [Plain, Later] = [token<object>("plain"), token<object>("later")];
  const services = new Container();
  const adapted = fromNeedleDi(services, { tokens: [[Plain, TOKEN], [Later, ASYNC]] });
  await using scope = await scopeOf(adapted);
  for (const known of [Marked, Plain, Later]) {
    assert.equal(adapted.has(known), true);
    assert.equal(await scope.resolve<object>(known), await adapted.resolve<object>(known));
  }
});

Deno.test("fromNeedleDi() gives the marked class for the class that it extends", async () => {
  class Base {}
  const Marked = marked(class extends Base {});
  const adapted = fromNeedleDi(new Container());
  assert.equal(adapted.has(Base), true);
  assert.ok(await adapted.resolve(Base) instanceof Marked);
});

Deno.test("fromNeedleDi() makes a marked class for each scope when it is scoped", async () => {
  const Marked = marked(class {});
  const adapted = fromNeedleDi(new Container(), { scoped: [Marked] });
  await using one = await scopeOf(adapted);
  await using other = await scopeOf(adapted);
  assert.equal(await one.resolve(Marked), await one.resolve(Marked));
  assert.notEqual(await one.resolve(Marked), await other.resolve(Marked));
});

Deno.test("fromNeedleDi() gives a scoped class for the class that it extends", async () => {
  class Zero extends FixedRates {}
  const adapted = fromNeedleDi(new Container(), { scoped: [Zero] });
  await using scope = await scopeOf(adapted);
  assert.equal(adapted.has(Rates), true);
  assert.equal(await scope.resolve(Rates), await scope.resolve(Zero));
});

Deno.test("fromNeedleDi() builds scoped classes as they are", async () => {
  const targets: unknown[] = [];
  class Probe {
    readonly #isProbe = true;
    constructor() {
      targets.push(new.target);
    }
    isProbe(): boolean {
      return this.#isProbe;
    }
  }
  await using scope = await scopeOf(fromNeedleDi(new Container(), { scoped: [Probe] }));
  const probe = await scope.resolve(Probe);
  assert.equal(probe.constructor, Probe);
  assert.equal(probe.isProbe(), true);
  assert.deepEqual(targets, [Probe]);
});

Deno.test("fromNeedleDi() builds a scoped class whose constructor injects something asynchronous", async () => {
  const services = new Container().bind({
    provide: Pool,
    async: true,
    useFactory: () => Promise.resolve(new Pool()),
  });
  const app = bootstrap(handlers().on(Do, Worker), {
    container: fromNeedleDi(services, { scoped: [Worker] }),
  });
  assert.equal(await app.send(Do()), await services.getAsync(Pool));
});

Deno.test("fromNeedleDi() leaves optional injection to Needle DI", async () => {
  class Modest {
    readonly pool: Pool | undefined;
    constructor(pool = inject(Pool, { optional: true })) {
      this.pool = pool;
    }
  }
  await using scope = await scopeOf(fromNeedleDi(new Container(), { scoped: [Modest] }));
  assert.equal((await scope.resolve(Modest)).pool, undefined);
});

Deno.test("fromNeedleDi() takes what a scoped service binds in its scope", async () => {
  class Binder {
    constructor(scope = inject(Container)) {
      scope.bind(Pool);
    }
  }
  const services = new Container();
  await using scope = await scopeOf(fromNeedleDi(services, { scoped: [Binder, Worker] }));
  await scope.resolve(Binder);
  assert.ok((await scope.resolve(Worker)).pool instanceof Pool);
  assert.equal(services.has(Pool), false);
});
