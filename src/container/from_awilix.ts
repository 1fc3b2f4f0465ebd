import { type Container, describeToken, type Scope, type Token } from "../mediator/mod.ts";
import { mapTokens } from "./map_tokens.ts";
import { ScopeLife } from "./scope_life.ts";
import { ProviderNotFoundError } from "./service_container.ts";

/** What {@linkcode fromAwilix} needs of an `AwilixContainer`. */
export interface AwilixContainerLike<Cradle extends object> {
  /** Carries the types of the services, by the names of their registrations. */
  readonly cradle: Cradle;
  /** The singletons of a root container, the scoped services of a scope. */
  readonly cache: Map<string | symbol, AwilixCacheEntry>;
  /** Gives a service by the name of its registration. */
  resolve(name: string | symbol): unknown;
  /** Whether a service is registered, here or in a parent. */
  hasRegistration(name: string | symbol): boolean;
  /** Opens a scope. */
  createScope(): AwilixContainerLike<object>;
  /** Ends what is in the cache. */
  dispose(): Promise<void>;
}

/** A service that an awilix container keeps. */
export interface AwilixCacheEntry {
  /** How it was registered. */
  readonly resolver: object;
  /** The service, or a promise of it if its factory is asynchronous. */
  readonly value: unknown;
}

/**
 * Checks registrations against the cradle: each name must be one of its names,
 * each token must stand for what that name gives, awaited.
 *
 * @typeParam Cradle The services of the container, by the names of their registrations.
 * @typeParam R The tokens, by the names of their registrations.
 */
export type AwilixRegistrations<Cradle, R> = {
  readonly [Name in keyof R]: Name extends keyof Cradle
    ? Awaited<Cradle[Name]> extends ServiceOf<R[Name]> ? R[Name]
    : MismatchedToken<Awaited<Cradle[Name]>>
    : UnknownRegistration<Name>;
};

/** The service that a token stands for. */
export type ServiceOf<K> = K extends Token<infer T> ? T : never;

/** What a token fails to stand for. */
export interface MismatchedToken<T> {
  /** The service that the registration gives. */
  readonly "the registration gives": T;
}

/** What a name fails to be. */
export interface UnknownRegistration<Name> {
  /** The name that the container does not have. */
  readonly "not registered": Name;
}

/**
 * Adapts a container of [awilix](https://www.npmjs.com/package/awilix), which
 * gives its services by name, to the `Container` port.
 *
 * The lifetimes are those of the registrations. A scope is one of awilix
 * (`createScope()`): when it ends, the services that were registered with
 * `scoped()` and made in it end by their `disposer()`, one after the other, the
 * newest first. Outside of a scope they live as long as the container, as they
 * do in awilix. Singletons are the container's, which is yours to dispose;
 * transient services are their owner's. Tell awilix to be `strict`, so that it
 * refuses singletons that hold on to scoped services.
 *
 * A service whose factory is asynchronous is awaited when it is asked for here;
 * inside awilix it is a promise, also for its disposer. If it is rejected,
 * which awilix would remember, it is forgotten, and the next who asks gets it
 * made anew. What a factory asks for after its first `await` may count as newer
 * than what it makes, and end before it; so ask before.
 *
 * @param container The container. It is asked each time, so what is registered later counts.
 * @param registrations The classes and tokens that services are asked for by, each under the name of its
 * registration: names are written out, as minifiers rename classes.
 * @throws {TypeError} If a token stands under two names.
 *
 * @example A handler class and a unit of work for each call
 * ```ts
 * import { bootstrap, command, handlers, type } from "@sluice/cqrs";
 * import { fromAwilix } from "@sluice/cqrs/container";
 * import { asClass, createContainer } from "awilix";
 * import assert from "node:assert/strict";
 *
 * const ended: string[][] = [];
 * class UnitOfWork {
 *   readonly changes: string[] = [];
 * }
 * class JoinHandler {
 *   readonly #work: UnitOfWork;
 *   constructor({ unitOfWork }: { unitOfWork: UnitOfWork }) {
 *     this.#work = unitOfWork;
 *   }
 *   handle(userId: string): void {
 *     this.#work.changes.push(`${userId} joins`);
 *   }
 * }
 *
 * const services = createContainer({ strict: true }).register({
 *   unitOfWork: asClass(UnitOfWork).scoped().disposer(({ changes }) => ended.push(changes)),
 *   joinHandler: asClass(JoinHandler),
 * });
 * const Join = command("meeting.join", type<string>());
 * const app = bootstrap(handlers().on(Join, JoinHandler), {
 *   container: fromAwilix(services, { joinHandler: JoinHandler }),
 * });
 * await app.send(Join("Ada"));
 * await app.send(Join("Bob"));
 * assert.deepEqual(ended, [["Ada joins"], ["Bob joins"]]);
 * ```
 */
export function fromAwilix<
  Cradle extends object,
  R extends { readonly [Name in keyof Cradle]?: Token<unknown> },
>(
  container: AwilixContainerLike<Cradle>,
  registrations: R & AwilixRegistrations<Cradle, R>,
): Required<Container> {
  const names = mapTokens(pairsOf(registrations));
  const nameOf = (token: Token<unknown>) => {
    const name = names.get(token);
    return name !== undefined && container.hasRegistration(name) ? name : undefined;
  };
  const resolveIn = async (scope: Cached, token: Token<unknown>) => {
    const name = nameOf(token);
    if (name === undefined) throw new ProviderNotFoundError(describeToken(token));
    try {
      return await scope.resolve(name);
    } catch (error) {
      forgetRejected(scope);
      forgetRejected(container);
      throw error;
    }
  };
  return {
    resolve: <T>(token: Token<T>) => resolveIn(container, token) as Promise<T>,
    has: (token) => nameOf(token) !== undefined,
    createScope(): Scope {
      const life = new ScopeLife();
      const scope = container.createScope();
      return {
        resolve: (token) => life.resolve(token, () => resolveIn(scope, token)),
        has: (token) => nameOf(token) !== undefined,
        [Symbol.asyncDispose]: () => life.end(disposersOf(scope)),
      };
    },
  };
}

type Cached = AwilixContainerLike<object>;

function pairsOf(registrations: object): [Token<unknown>, string | symbol][] {
  return Reflect.ownKeys(registrations).map((name) => [Reflect.get(registrations, name), name]);
}

/** Forgets the services whose promises are rejected, and those that will be. */
function forgetRejected({ cache }: Cached): void {
  for (const [name, entry] of cache) {
    if (!(entry.value instanceof Promise)) continue;
    entry.value.catch(() => cache.get(name) === entry && cache.delete(name));
  }
}

/** The ends of what a scope keeps. awilix itself would start them all at once, the oldest first. */
function* disposersOf(scope: Cached): Iterable<() => unknown> {
  for (const [name, { resolver, value }] of [...scope.cache].reverse()) {
    scope.cache.delete(name);
    yield async () => {
      if (!(value instanceof Promise) || await isFulfilled(value)) {
        await (resolver as { dispose?(service: unknown): unknown }).dispose?.(value);
      }
    };
  }
  yield () => scope.dispose();
}

function isFulfilled(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(() => true, () => false);
}
