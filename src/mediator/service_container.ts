import { SluiceError } from "../errors.ts";
import { type Container, describeToken, type Scope, type Token } from "./container.ts";

/**
 * How long a service lives: as long as the container, as long as a scope, or
 * only for whoever asked for it.
 */
export type Lifetime = "singleton" | "scoped" | "transient";

/** What a provider may ask the container for. */
export interface Resolver {
  /** Gives another service, with the lifetime that it was provided with. */
  readonly resolve: <T>(token: Token<T>) => Promise<T>;
}

/** How a service is provided. */
export interface ProviderOptions<T> {
  /** How long the service lives. @default {"transient"} */
  readonly lifetime?: Lifetime;
  /**
   * Ends the service when its scope or the container is disposed. Transient
   * services are their owner's to end.
   *
   * @default {Symbol.asyncDispose or Symbol.dispose of the service, if it has one}
   */
  readonly dispose?: (service: T) => void | Promise<void>;
}

/** A container that holds what it was told to provide. */
export interface ServiceContainer extends Container, AsyncDisposable {
  /**
   * Tells how a service is made. Telling it again replaces what was told before.
   *
   * @returns The container itself.
   */
  provide<T>(
    token: Token<T>,
    create: (resolver: Resolver) => T | Promise<T>,
    options?: ProviderOptions<T>,
  ): this;
  /** Gives a service. @throws {ProviderNotFoundError} If nothing provides it. */
  resolve<T>(token: Token<T>): Promise<T>;
  /** Whether something provides the service. */
  has(token: Token<unknown>): boolean;
  /** Opens a scope. Its services end when it is disposed, the newest first. */
  createScope(): Scope;
  /** Ends the singletons, the newest first. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Nothing provides a service. */
export class ProviderNotFoundError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "ProviderNotFoundError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "provider_not_found";
  /** The name of the class or the description of the token. */
  readonly service: string;

  /** Creates the error for a service of this name. */
  constructor(service: string, options?: ErrorOptions) {
    super(`Cannot resolve "${service}" as nothing provides it`, options);
    this.service = service;
  }
}

interface Provider {
  readonly create: (resolver: Resolver) => unknown;
  readonly lifetime: Lifetime;
  readonly dispose: (service: unknown) => unknown;
}

type Providers = Map<Token<unknown>, Provider>;

/**
 * Creates an empty container: a small one for applications that need no more.
 *
 * @example A service that lives as long as one call
 * ```ts
 * import { bootstrap, container, handlers, query, token } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const ended: string[] = [];
 * const Clock = token<() => string>("clock");
 * class UnitOfWork {
 *   [Symbol.dispose]() {
 *     ended.push("unit of work");
 *   }
 * }
 * const services = container()
 *   .provide(Clock, () => () => "12:00", { lifetime: "singleton" })
 *   .provide(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
 *
 * const Time = query("time").returns<string>();
 * const registry = handlers().on(Time, async (_data, { resolve }) => {
 *   await resolve(UnitOfWork);
 *   return (await resolve(Clock))();
 * });
 * const app = bootstrap(registry, { container: services });
 * assert.equal(await app.send(Time()), "12:00");
 * assert.deepEqual(ended, ["unit of work"]);
 * ```
 */
export function container(): ServiceContainer {
  return new ProviderContainer();
}

class ProviderContainer implements ServiceContainer {
  readonly #providers: Providers = new Map();
  readonly #singletons = new Instances();

  provide<T>(
    token: Token<T>,
    create: (resolver: Resolver) => T | Promise<T>,
    { lifetime = "transient", dispose = disposeByItself }: ProviderOptions<T> = {},
  ): this {
    this.#providers.set(token, {
      create,
      lifetime,
      dispose: dispose as (service: unknown) => unknown,
    });
    return this;
  }

  has(token: Token<unknown>): boolean {
    return this.#providers.has(token);
  }

  async resolve<T>(token: Token<T>): Promise<T> {
    return await this.get(token, undefined, []) as T;
  }

  createScope(): Scope {
    return new ProviderScope(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#singletons.dispose();
  }

  /** Gives a service; `path` are the services that are being made and need it. */
  async get(
    token: Token<unknown>,
    scope: Instances | undefined,
    path: readonly Token<unknown>[],
  ): Promise<unknown> {
    const provider = this.#providers.get(token);
    const name = describeToken(token);
    if (provider === undefined) throw new ProviderNotFoundError(name);
    if (path.includes(token)) {
      throw new TypeError(
        `Cannot resolve "${name}": ${[...path, token].map(describeToken).join(" needs ")}`,
      );
    }
    const { lifetime } = provider;
    if (lifetime === "scoped" && scope === undefined) {
      throw new TypeError(`Cannot resolve "${name}" outside of a scope as it is scoped`);
    }
    // A singleton outlives every scope, so what it needs must not come from one.
    const within = lifetime === "singleton" ? undefined : scope;
    const create = () =>
      provider.create({
        resolve: (needed) => this.get(needed, within, [...path, token]) as Promise<never>,
      });
    if (lifetime === "transient") return await create();
    const instances = lifetime === "singleton" ? this.#singletons : scope as Instances;
    return await instances.get(token, create, provider.dispose);
  }
}

class ProviderScope implements Scope {
  readonly #container: ProviderContainer;
  readonly #instances = new Instances();

  constructor(container: ProviderContainer) {
    this.#container = container;
  }

  async resolve<T>(token: Token<T>): Promise<T> {
    return await this.#container.get(token, this.#instances, []) as T;
  }

  has(token: Token<unknown>): boolean {
    return this.#container.has(token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#instances.dispose();
  }
}

/** Services that were made once and end together. */
class Instances {
  readonly #services = new Map<Token<unknown>, Promise<unknown>>();
  /** In the order in which they were finished: what a service needs is finished before it. */
  readonly #disposers: Array<() => unknown> = [];
  #isDisposed = false;

  get(
    token: Token<unknown>,
    create: () => unknown,
    dispose: (service: unknown) => unknown,
  ): Promise<unknown> {
    const known = this.#services.get(token);
    if (known !== undefined) return known;
    const made = this.#make(create, dispose);
    this.#services.set(token, made);
    made.catch(() => this.#services.delete(token));
    return made;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.allSettled(this.#services.values());
    const errors: unknown[] = [];
    for (const dispose of this.#disposers.splice(0).toReversed()) {
      try {
        await dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, "Cannot dispose several services");
    if (errors.length === 1) throw errors[0];
  }

  async #make(create: () => unknown, dispose: (service: unknown) => unknown): Promise<unknown> {
    if (this.#isDisposed) throw new TypeError("Cannot make a service as its scope is disposed");
    const service = await create();
    this.#disposers.push(() => dispose(service));
    return service;
  }
}

async function disposeByItself(service: unknown): Promise<void> {
  if (typeof service !== "object" || service === null) return;
  const { [Symbol.asyncDispose]: disposeAsync, [Symbol.dispose]: dispose } = service as Partial<
    AsyncDisposable & Disposable
  >;
  if (disposeAsync !== undefined) await disposeAsync.call(service);
  else dispose?.call(service);
}
