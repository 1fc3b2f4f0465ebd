import {
  type Container,
  describeToken,
  type Scope,
  type ServiceToken,
  type Token,
} from "../mediator/mod.ts";
import { disposeByItself } from "./dispose_by_itself.ts";
import { mapTokens } from "./map_tokens.ts";
import { ScopeLife } from "./scope_life.ts";
import { ProviderNotFoundError } from "./service_container.ts";

/** What {@linkcode fromNeedleDi} needs of a `Container` of Needle DI. */
export interface NeedleDiContainerLike {
  /** Tells how a service is provided. */
  bind(provider: unknown): unknown;
  /** Gives a service. */
  get(token: unknown, options?: unknown): unknown;
  /** Gives a service, also where its provider is asynchronous. */
  getAsync(token: unknown, options?: unknown): Promise<unknown>;
  /** Whether a service is provided, here or in a parent. */
  has(token: unknown): boolean;
  /** Creates a container that asks this one for what it does not provide itself. */
  createChild(): NeedleDiContainerLike;
  /** Takes back what was bound. */
  unbindAll(): unknown;
}

/** A provider of Needle DI: a class, or an object that says what it provides and how. */
export type NeedleDiProvider = NeedleDiClass | NeedleDiBinding;

/** How a service of Needle DI is provided. */
export interface NeedleDiBinding {
  /** The token that the service is asked for by. */
  readonly provide: unknown;
  /** The class that it is made of. */
  readonly useClass?: NeedleDiClass;
  /** The function that makes it. */
  readonly useFactory?: (container: never) => unknown;
  /** Whether that gives a promise. */
  readonly async?: boolean;
  /** The service itself. */
  readonly useValue?: unknown;
  /** The token of the service that it is. */
  readonly useExisting?: unknown;
  /** Whether it is one of several for its token. */
  readonly multi?: boolean;
}

/** A class that Needle DI builds: its constructor injects what it needs by itself. */
export type NeedleDiClass = new (...args: never[]) => unknown;

/** A token of Needle DI: a class, an `InjectionToken`, or a string or symbol, whose types nobody knows. */
export type NeedleDiToken<T> =
  | (abstract new (...args: never[]) => T)
  | {
    /** How the token binds itself. */
    readonly options?:
      | { readonly async: true; readonly factory: (container: never) => Promise<T> }
      | { readonly async?: false; readonly factory: (container: never) => T }
      | undefined;
  }
  | string
  | symbol;

/** How {@linkcode fromNeedleDi} adapts a container. */
export interface NeedleDiOptions<T extends readonly unknown[]> {
  /**
   * The services that live as long as a scope. They are bound in the child that
   * each scope gets; `defineProviders()` of Needle DI checks their types.
   *
   * @default none
   */
  readonly scoped?: readonly NeedleDiProvider[];
  /**
   * The tokens of Sluice, each with the one that Needle DI knows the service
   * by. Classes stand for themselves.
   *
   * @default none
   */
  readonly tokens?: {
    readonly [I in keyof T]: readonly [ServiceToken<T[I]>, NeedleDiToken<NoInfer<T[I]>>];
  };
}

/**
 * Adapts a container of [Needle DI](https://needle-di.io), whose services are
 * singletons of the container where they are bound, to the `Container` port.
 *
 * A scope is a child container. What `scoped` lists is bound in the child, so it
 * is made once for each scope that asks for it; all else is a singleton of the
 * container, also what binds itself: a class with `@injectable()`, a token with
 * a factory. A service that needs a scoped one has to be scoped itself. Services
 * are asked for with `getAsync()`, so asynchronous providers are awaited.
 *
 * Needle DI disposes nothing. When a scope ends, so do the services that the
 * classes and factories in `scoped` have made for it, one after the other, the
 * last that was made first, by `Symbol.asyncDispose` or `Symbol.dispose`, if
 * they have it. What they were given themselves, by `inject()` or `get()`, is not
 * theirs, nor is what `useValue` and `useExisting` provide. The container and its
 * singletons are yours to end.
 *
 * @param container The container. It is asked each time, so what is bound later counts.
 * @throws {TypeError} If a token is mapped twice.
 *
 * @example A handler class and a unit of work for each call
 * ```ts
 * import { bootstrap, command, handlers, type } from "@sluice/cqrs";
 * import { fromNeedleDi } from "@sluice/cqrs/container";
 * import { Container, inject } from "@needle-di/core";
 * import assert from "node:assert/strict";
 *
 * const ended: string[][] = [];
 * class UnitOfWork {
 *   readonly changes: string[] = [];
 *   [Symbol.dispose](): void {
 *     ended.push(this.changes);
 *   }
 * }
 * class JoinHandler {
 *   readonly #work: UnitOfWork;
 *   constructor(work: UnitOfWork = inject(UnitOfWork)) {
 *     this.#work = work;
 *   }
 *   handle(userId: string): void {
 *     this.#work.changes.push(`${userId} joins`);
 *   }
 * }
 *
 * const Join = command("meeting.join", type<string>());
 * const app = bootstrap(handlers().on(Join, JoinHandler), {
 *   container: fromNeedleDi(new Container(), { scoped: [UnitOfWork, JoinHandler] }),
 * });
 * await app.send(Join("Ada"));
 * await app.send(Join("Bob"));
 * assert.deepEqual(ended, [["Ada joins"], ["Bob joins"]]);
 * ```
 */
export function fromNeedleDi<T extends readonly unknown[] = []>(
  container: NeedleDiContainerLike,
  { scoped = [], tokens }: NeedleDiOptions<T> = {},
): Required<Container> {
  const keys = mapTokens<unknown>(tokens ?? []);
  const keyOf = (token: Token<unknown>) => typeof token === "function" ? token : keys.get(token);
  // It shows what a scope provides, also to the classes that those of `scoped` extend.
  const { child: sample } = createChild(container, scoped, new ScopeLife());
  const has = (token: Token<unknown>) => sample.has(keyOf(token)) || canBindItself(keyOf(token));
  return {
    has,
    async resolve<T>(token: Token<T>): Promise<T> {
      const name = describeToken(token);
      if (!has(token)) throw new ProviderNotFoundError(name);
      const key = keyOf(token);
      if (sample.has(key) && !container.has(key)) {
        throw new TypeError(`Cannot resolve "${name}" outside of a scope as it is scoped`);
      }
      return await container.getAsync(key) as T;
    },
    createScope(): Scope {
      const life = new ScopeLife();
      const { child, made } = createChild(container, scoped, life);
      return {
        has,
        resolve: (token) =>
          life.resolve(token, () => {
            if (!has(token)) throw new ProviderNotFoundError(describeToken(token));
            return child.getAsync(keyOf(token));
          }),
        [Symbol.asyncDispose]: () => life.end(disposersOf(child, made)),
      };
    },
  };
}

/** Creates a child container that provides what is scoped, and lists what that makes in the order of its making. */
function createChild(
  container: NeedleDiContainerLike,
  scoped: readonly NeedleDiProvider[],
  life: ScopeLife,
): { child: NeedleDiContainerLike; made: unknown[] } {
  const made: unknown[] = [];
  const given = new Set<unknown>();
  const give = <T>(service: T): T => {
    for (const each of [service].flat()) given.add(each);
    return service;
  };
  const note = (service: unknown) => {
    // A factory may hand on what it was given: a service of the container, or another of the scope.
    if (!given.has(service)) made.push(service);
  };
  const child = container.createChild();
  for (const provider of scoped) {
    child.bind(noting(provider, (service) => {
      if (service instanceof Promise) life.follow(service.then(note));
      else note(service);
      return service;
    }));
  }
  const { bind, get, getAsync } = child;
  child.get = (...asked) => give(get.apply(child, asked));
  child.getAsync = (...asked) => {
    const service = getAsync.apply(child, asked);
    return service instanceof Promise ? service.then(give) : service;
  };
  // Without this what binds itself would do so in each child, although the container has it already.
  child.bind = (provider) => bindsItself(provider) ? child : bind.call(child, provider);
  return { child, made };
}

/** Makes a provider that notes what it makes, and is the same otherwise. */
function noting(
  provider: NeedleDiProvider,
  note: (service: unknown) => unknown,
): NeedleDiProvider {
  if (typeof provider === "function") {
    return noting({ provide: provider, useClass: provider }, note);
  }
  const { useClass, useFactory } = provider;
  if (useClass !== undefined) {
    // Still a class: Needle DI builds one again when it finds that it needs something asynchronous.
    const construct = (target: NeedleDiClass, args: never[]) => note(new target(...args)) as object;
    return { ...provider, useClass: new Proxy(useClass, { construct }) };
  }
  if (useFactory === undefined) return provider;
  return { ...provider, useFactory: (container) => note(useFactory(container)) };
}

/** Whether Needle DI binds a token when somebody asks for it. */
function canBindItself(key: unknown): boolean {
  // `@injectable()` marks classes with a symbol that Needle DI does not export.
  return typeof key === "function"
    ? Object.getOwnPropertySymbols(key).some(({ description }) => description === "injectable")
    : factoryOf(key) !== undefined;
}

/** Whether Needle DI itself binds this, since somebody asks for it. */
function bindsItself(provider: unknown): boolean {
  const { provide, useClass, useFactory, multi } = provider as Partial<NeedleDiBinding>;
  return useFactory === undefined
    ? multi === true && provide === useClass
    : useFactory === factoryOf(provide);
}

/** The factory of an `InjectionToken` that has one. */
function factoryOf(key: unknown): unknown {
  return (key as { readonly options?: { readonly factory?: unknown } } | undefined)?.options
    ?.factory;
}

function* disposersOf(
  child: NeedleDiContainerLike,
  made: unknown[],
): Iterable<() => unknown> {
  while (made.length > 0) {
    const service = made.pop();
    yield () => disposeByItself(service);
  }
  yield () => child.unbindAll();
}
