import { Container as NeedleDi } from "@needle-di/core";
import { asFunction, createContainer } from "awilix";
import { Container as Inversify } from "inversify";
import { type Container, type Context, token } from "../../../mod.ts";
import { container, fromAwilix, fromNeedleDi } from "../../../src/container/mod.ts";
import { settled } from "../mediator/support.ts";
import { fromInversify, fromTsyringe } from "./recipes.ts";
import {
  container as tsyringe,
  type DependencyContainer,
  type InjectionToken,
  instanceCachingFactory,
  instancePerContainerCachingFactory,
} from "tsyringe";

/** A singleton that is made asynchronously. */
export class Pool {
  readonly isOpen = true;
}

/** An interface, as far as there are some at run time. */
export abstract class Rates {
  abstract readonly euro: number;
}

/** What the containers give for {@linkcode Rates} at first. */
export class FixedRates extends Rates {
  readonly euro = 1.1;
}

/** What they give after `override()`. */
export class TestRates extends Rates {
  readonly euro = 2;
}

/** A scoped service. */
export class Unit {
  readonly number: number;
  readonly #log: string[];

  constructor(number: number, log: string[]) {
    this.number = number;
    this.#log = log;
    log.push(`unit ${number} made`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await settled();
    this.#log.push(`unit ${this.number} ended`);
  }
}

/** A scoped service that is made asynchronously and needs others. */
export class Session {
  readonly unit: Unit;
  readonly pool: Pool;
  readonly #log: string[];

  constructor(unit: Unit, pool: Pool, log: string[]) {
    this.unit = unit;
    this.pool = pool;
    this.#log = log;
    log.push(`session in ${unit.number} made`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await settled();
    this.#log.push(`session in ${this.unit.number} ended`);
  }
}

/** A handler class with dependencies: tells the unit, that of the session, and the rate. */
export class Handler {
  readonly #unit: Unit;
  readonly #session: Session;
  readonly #rates: Rates;

  constructor(unit: Unit, session: Session, rates: Rates) {
    this.#unit = unit;
    this.#session = session;
    this.#rates = rates;
  }

  handle(): string {
    return `unit ${this.#unit.number}, session in ${this.#session.unit.number}, ${this.#rates.euro} dollars`;
  }
}

/** A service that is no class. */
export const Greeting = token<string>("greeting");

/** A class that no container knows. */
export class Unknown {
  readonly #reason: string;

  constructor(reason: string) {
    this.#reason = reason;
  }

  handle(): string {
    return this.#reason;
  }
}

/** A container with the services above, behind the port. */
export interface Workshop {
  readonly services: Container;
  /** What was made and ended. */
  readonly log: string[];
  /** Registers another implementation of {@linkcode Rates}. */
  override(): void;
}

/** What makes the services, whatever the container. */
function makers() {
  const log: string[] = [];
  let units = 0;
  return {
    log,
    unit: () => new Unit(++units, log),
    session: (unit: Unit, pool: Pool) => new Session(unit, pool, log),
    async pool() {
      await settled();
      log.push("pool made");
      return new Pool();
    },
  };
}

function ownWorkshop(): Workshop {
  const { log, ...make } = makers();
  const scoped = { lifetime: "scoped" } as const;
  const singleton = { lifetime: "singleton" } as const;
  const services = container()
    .provide(Pool, make.pool, singleton)
    .provide(Rates, () => new FixedRates(), singleton)
    .provide(Greeting, () => "hello", singleton)
    .provide(Unit, make.unit, scoped)
    .provide(
      Session,
      async ({ resolve }) => make.session(await resolve(Unit), await resolve(Pool)),
      scoped,
    )
    .provide(
      Handler,
      async ({ resolve }) =>
        new Handler(await resolve(Unit), await resolve(Session), await resolve(Rates)),
    );
  return { services, log, override: () => services.provide(Rates, () => new TestRates()) };
}

interface Cradle {
  readonly unit: Unit;
  readonly session: Promise<Session>;
  readonly pool: Promise<Pool>;
  readonly rates: Rates;
}

function awilixWorkshop(): Workshop {
  const { log, ...make } = makers();
  const registered = createContainer({ strict: true }).register({
    pool: asFunction(make.pool).singleton(),
    rates: asFunction((): Rates => new FixedRates()).singleton(),
    greeting: asFunction(() => "hello"),
    unit: asFunction(make.unit).scoped().disposer((unit) => unit[Symbol.asyncDispose]()),
    session: asFunction(async ({ unit, pool }: Cradle) => make.session(unit, await pool))
      .scoped()
      .disposer(async (session) => await (await session)[Symbol.asyncDispose]()),
    handler: asFunction(async ({ unit, session, rates }: Cradle) =>
      new Handler(unit, await session, rates)
    ),
  });
  const services = fromAwilix(registered, {
    pool: Pool,
    rates: Rates,
    greeting: Greeting,
    unit: Unit,
    session: Session,
    handler: Handler,
  });
  return {
    services,
    log,
    override: () => registered.register({ rates: asFunction(() => new TestRates()) }),
  };
}

function needleDiWorkshop(): Workshop {
  const { log, ...make } = makers();
  const bound = new NeedleDi()
    .bind({ provide: Pool, async: true, useFactory: make.pool })
    .bind({ provide: Rates, useClass: FixedRates })
    .bind({ provide: "greeting", useValue: "hello" });
  const services = fromNeedleDi(bound, {
    scoped: [
      { provide: Unit, useFactory: make.unit },
      {
        provide: Session,
        async: true,
        useFactory: async (scope: NeedleDi) =>
          make.session(scope.get(Unit), await scope.getAsync(Pool)),
      },
      {
        provide: Handler,
        async: true,
        useFactory: async (scope: NeedleDi) =>
          new Handler(scope.get(Unit), await scope.getAsync(Session), scope.get(Rates)),
      },
    ],
    tokens: [[Greeting, "greeting"]],
  });
  return { services, log, override: () => bound.bind({ provide: Rates, useClass: TestRates }) };
}

function inversifyWorkshop(): Workshop {
  const { log, ...make } = makers();
  const bound = new Inversify();
  bound.bind(Pool).toDynamicValue(make.pool).inSingletonScope();
  bound.bind(Rates).toDynamicValue(() => new FixedRates()).inSingletonScope();
  bound.bind("greeting").toConstantValue("hello");
  const services = fromInversify(bound, (child, ending) => {
    child.bind(Unit).toDynamicValue(() => ending.use(make.unit())).inSingletonScope();
    child.bind(Session).toDynamicValue(async (scope) =>
      ending.use(make.session(scope.get(Unit), await scope.getAsync(Pool)))
    ).inSingletonScope();
    child.bind(Handler).toDynamicValue(async (scope) =>
      new Handler(scope.get(Unit), await scope.getAsync(Session), scope.get(Rates))
    );
  });
  return {
    services,
    log,
    override: () => bound.rebind(Rates).toDynamicValue(() => new TestRates()),
  };
}

function tsyringeWorkshop(): Workshop {
  const { log, ...make } = makers();
  const registered = tsyringe.createChildContainer();
  /** tsyringe has no types for abstract classes and promised services. */
  const register = <T>(
    service: abstract new (...args: never[]) => T,
    useFactory: (scope: DependencyContainer) => T | Promise<T>,
  ) => registered.register(service as InjectionToken<T | Promise<T>>, { useFactory });
  const resolve = <T>(scope: DependencyContainer, service: abstract new (...args: never[]) => T) =>
    scope.resolve(service as InjectionToken<T | Promise<T>>);
  const endOf = (scope: DependencyContainer) => scope.resolve(AsyncDisposableStack);

  register(Pool, instanceCachingFactory(make.pool));
  register(Rates, instanceCachingFactory(() => new FixedRates()));
  registered.register("greeting", { useValue: "hello" });
  register(Unit, instancePerContainerCachingFactory((scope) => endOf(scope).use(make.unit())));
  register(
    Session,
    instancePerContainerCachingFactory(async (scope) => {
      const session = make.session(await resolve(scope, Unit), await resolve(scope, Pool));
      return endOf(scope).use(session);
    }),
  );
  register(Handler, async (scope) =>
    new Handler(
      await resolve(scope, Unit),
      await resolve(scope, Session),
      await resolve(scope, Rates),
    ));
  return {
    services: fromTsyringe(registered),
    log,
    override: () => register(Rates, () => new TestRates()),
  };
}

/** The containers: our own, the adapted ones, and those of the recipes. */
export const workshops: Readonly<Record<string, () => Workshop>> = {
  "container()": ownWorkshop,
  "fromAwilix()": awilixWorkshop,
  "fromNeedleDi()": needleDiWorkshop,
  "the recipe for inversify": inversifyWorkshop,
  "the recipe for tsyringe": tsyringeWorkshop,
};

/** The number of the unit that a context gives. */
export async function unitOf({ resolve }: Pick<Context, "resolve">): Promise<number> {
  return (await resolve(Unit)).number;
}
