import { SluiceError } from "../errors.ts";
import { type Container, describeToken, runAll, type Scope, type Token } from "../mediator/mod.ts";
import { disposeByItself } from "./dispose_by_itself.ts";

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
   * Tells how a service is made. Telling it again replaces what was told before, for services
   * that are made from then on: a singleton that is there already stays.
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
 * import { bootstrap, handlers, query, token } from "@sluice/cqrs";
 * import { container } from "@sluice/cqrs/container";
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
    return await this.get(token, undefined, undefined) as T;
  }

  createScope(): Scope {
    return new ProviderScope(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#singletons.dispose();
  }

  /** Gives a service to `parent`, the service that is being made and needs it. */
  async get(
    token: Token<unknown>,
    scope: Instances | undefined,
    parent: Making | undefined,
  ): Promise<unknown> {
    const provider = this.#providers.get(token);
    const name = describeToken(token);
    if (provider === undefined) throw new ProviderNotFoundError(name);
    if (parent?.isFinished === true) return this.get(token, scope, undefined);
    const { lifetime } = provider;
    if (lifetime === "scoped" && scope === undefined) throw outsideOfScope(name, parent);
    // A singleton outlives every scope, so what it needs must not come from one.
    const within = lifetime === "singleton" ? undefined : scope;
    const make = async (making: Making) => {
      try {
        return await provider.create({
          resolve: (needed) => this.get(needed, within, making) as Promise<never>,
        });
      } finally {
        making.isFinished = true;
      }
    };
    const instances = lifetime === "transient"
      ? undefined
      : lifetime === "singleton"
      ? this.#singletons
      : scope;
    const making = instances?.making(token) ?? new Making(token, parent);
    making.refuseCircle(parent);
    const made = instances === undefined
      ? make(making)
      : instances.get(making, () => make(making), provider.dispose);
    const service = await (parent === undefined ? made : parent.wait(making, made));
    if (instances !== undefined) parent?.owned.add(service);
    return service;
  }
}

function outsideOfScope(name: string, parent: Making | undefined): TypeError {
  if (parent === undefined) {
    return new TypeError(`Cannot resolve "${name}" outside of a scope as it is scoped`);
  }
  const needing = describeToken(parent.token);
  return new TypeError(
    `Cannot resolve "${name}" for "${needing}", which is made outside of a scope`,
  );
}

/** A service that is being made, and those that it waits for. */
class Making {
  readonly token: Token<unknown>;
  /** Whether it waits for nothing any more. */
  isFinished = false;
  /** What it was given that ends with a scope or the container. */
  readonly owned = new Set<unknown>();
  readonly #parent: Making | undefined;
  readonly #waitsFor = new Set<Making>();

  constructor(token: Token<unknown>, parent: Making | undefined) {
    this.token = token;
    this.#parent = parent;
  }

  async wait(making: Making, made: unknown): Promise<unknown> {
    this.#waitsFor.add(making);
    try {
      return await made;
    } finally {
      this.#waitsFor.delete(making);
    }
  }

  /** Throws if `parent` must not wait for this service, because that waits for it in the end. */
  refuseCircle(parent: Making | undefined): void {
    if (parent === undefined) return;
    const way = parent.#wayDown(this.token) ?? this.#wayTo(parent);
    if (way === undefined) return;
    const names = [...way, this.token].map(describeToken);
    throw new TypeError(`Cannot resolve "${describeToken(this.token)}": ${names.join(" needs ")}`);
  }

  /** The services from the one of this token, which asked for the others in turn, down to this one. */
  #wayDown(token: Token<unknown>): Token<unknown>[] | undefined {
    if (this.token === token) return [token];
    const way = this.#parent === undefined ? undefined : this.#parent.#wayDown(token);
    return way && [...way, this.token];
  }

  /** The services from this one to `target` that wait for each other. */
  #wayTo(target: Making, seen: Set<Making> = new Set()): Token<unknown>[] | undefined {
    if (this === target) return [this.token];
    seen.add(this); // many ways may lead to one service, and none is gone twice
    for (const next of this.#waitsFor) {
      const way = seen.has(next) ? undefined : next.#wayTo(target, seen);
      if (way !== undefined) return [this.token, ...way];
    }
    return undefined;
  }
}

class ProviderScope implements Scope {
  readonly #container: ProviderContainer;
  readonly #instances = new Instances();

  constructor(container: ProviderContainer) {
    this.#container = container;
  }

  async resolve<T>(token: Token<T>): Promise<T> {
    return await this.#container.get(token, this.#instances, undefined) as T;
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
  readonly #made = new Map<Token<unknown>, { making: Making; service: Promise<unknown> }>();
  /** In the order in which they were finished: what a service needs is finished before it. */
  readonly #disposers: Array<() => unknown> = [];
  #isDisposed = false;

  /** The service of this token, whether it is finished or not. */
  making(token: Token<unknown>): Making | undefined {
    return this.#made.get(token)?.making;
  }

  get(
    making: Making,
    create: () => unknown,
    dispose: (service: unknown) => unknown,
  ): Promise<unknown> {
    const { token } = making;
    if (this.#isDisposed) {
      const name = describeToken(token);
      throw new TypeError(`Cannot resolve "${name}" as its scope is disposed`);
    }
    const known = this.#made.get(token);
    if (known !== undefined) return known.service;
    const service = this.#make(making, create, dispose);
    this.#made.set(token, { making, service });
    service.catch(() => this.#made.delete(token));
    return service;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.allSettled([...this.#made.values()].map(({ service }) => service));
    await runAll(this.#disposers.splice(0).toReversed(), "Cannot dispose several services");
  }

  async #make(
    making: Making,
    create: () => unknown,
    dispose: (service: unknown) => unknown,
  ): Promise<unknown> {
    const service = await create();
    // What a provider only hands on ends with whoever made it.
    if (!making.owned.has(service)) this.#disposers.push(() => dispose(service));
    return service;
  }
}
