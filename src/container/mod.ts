/**
 * Containers for the services and handler classes of an application: a small
 * one of its own, and adapters for those that others have.
 *
 * {@linkcode container} makes singletons, services that live as long as a scope,
 * and transient ones, asynchronously where need be, and ends them in order.
 * {@linkcode fromAwilix} and {@linkcode fromNeedleDi} adapt a container that is
 * there already. Any other is adapted by the three methods of the `Container`
 * port of `@sluice/cqrs`, as the recipes for inversify and tsyringe below show.
 *
 * A scope has to end what it made and nothing else, the newest first. In the
 * recipes an `AsyncDisposableStack` does, which whoever makes a service for a scope
 * tells of it. inversify and tsyringe remember that an asynchronous singleton
 * could not be made; the others make it anew for the next who asks.
 *
 * @example A handler class with a service
 * ```ts
 * import { bootstrap, handlers, query } from "@sluice/cqrs";
 * import { container } from "@sluice/cqrs/container";
 * import assert from "node:assert/strict";
 *
 * class Rates {
 *   readonly euro = 1.1;
 * }
 * class ReadRateHandler {
 *   readonly #rates: Rates;
 *   constructor(rates: Rates) {
 *     this.#rates = rates;
 *   }
 *   handle(): number {
 *     return this.#rates.euro;
 *   }
 * }
 *
 * const services = container()
 *   .provide(Rates, () => new Rates(), { lifetime: "singleton" })
 *   .provide(ReadRateHandler, async ({ resolve }) => new ReadRateHandler(await resolve(Rates)));
 * const ReadRate = query("rate.read").returns<number>();
 * const app = bootstrap(handlers().on(ReadRate, ReadRateHandler), { container: services });
 * assert.equal(await app.send(ReadRate()), 1.1);
 * ```
 *
 * @example A recipe for inversify: scoped services are bound in a child container
 * ```ts
 * import { bootstrap, command, type Container, handlers, type Token, type } from "@sluice/cqrs";
 * import { Container as Inversify, type ServiceIdentifier } from "inversify";
 * import assert from "node:assert/strict";
 *
 * function fromInversify(
 *   parent: Inversify,
 *   bindScoped: (child: Inversify, ending: AsyncDisposableStack) => void,
 * ): Container {
 *   const idOf = <T>(token: Token<T>) =>
 *     (typeof token === "function" ? token : token.description) as ServiceIdentifier<T>;
 *   const open = () => {
 *     const child = new Inversify({ parent });
 *     const ending = new AsyncDisposableStack(); // Node.js has it from version 24 on
 *     ending.defer(() => child.unbindAllAsync());
 *     bindScoped(child, ending);
 *     return { child, ending };
 *   };
 *   const { child: sample } = open();
 *   return {
 *     resolve: (token) => parent.getAsync(idOf(token)),
 *     has: (token) => sample.isBound(idOf(token)),
 *     createScope() {
 *       const { child, ending } = open();
 *       return {
 *         resolve: (token) => child.getAsync(idOf(token)),
 *         [Symbol.asyncDispose]: () => ending.disposeAsync(),
 *       };
 *     },
 *   };
 * }
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
 *   constructor(work: UnitOfWork) {
 *     this.#work = work;
 *   }
 *   handle(userId: string): void {
 *     this.#work.changes.push(`${userId} joins`);
 *   }
 * }
 *
 * const services = fromInversify(new Inversify(), (child, ending) => {
 *   child.bind(UnitOfWork).toDynamicValue(() => ending.use(new UnitOfWork())).inSingletonScope();
 *   child.bind(JoinHandler).toDynamicValue(async (scope) =>
 *     new JoinHandler(await scope.getAsync(UnitOfWork))
 *   );
 * });
 * const Join = command("meeting.join", type<string>());
 * const app = bootstrap(handlers().on(Join, JoinHandler), { container: services });
 * await app.send(Join("Ada"));
 * await app.send(Join("Bob"));
 * assert.deepEqual(ended, [["Ada joins"], ["Bob joins"]]);
 * ```
 *
 * @example A recipe for tsyringe: `instancePerContainerCachingFactory` makes scoped services
 * ```ts
 * import { bootstrap, command, type Container, handlers, type Token, type } from "@sluice/cqrs";
 * import "reflect-metadata"; // before tsyringe, which does not load without it
 * import {
 *   container as root,
 *   type DependencyContainer,
 *   type InjectionToken,
 *   instancePerContainerCachingFactory,
 * } from "tsyringe";
 * import assert from "node:assert/strict";
 *
 * function fromTsyringe(parent: DependencyContainer): Container {
 *   const idOf = <T>(token: Token<T>) =>
 *     (typeof token === "function" ? token : token.description) as InjectionToken<T>;
 *   return {
 *     resolve: (token) => parent.resolve(idOf(token)),
 *     has: (token) => parent.isRegistered(idOf(token), true),
 *     createScope() {
 *       const child = parent.createChildContainer();
 *       const ending = new AsyncDisposableStack(); // Node.js has it from version 24 on
 *       ending.defer(() => child.dispose());
 *       child.register(AsyncDisposableStack, { useValue: ending });
 *       return {
 *         resolve: (token) => child.resolve(idOf(token)),
 *         [Symbol.asyncDispose]: () => ending.disposeAsync(),
 *       };
 *     },
 *   };
 * }
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
 *   constructor(work: UnitOfWork) {
 *     this.#work = work;
 *   }
 *   handle(userId: string): void {
 *     this.#work.changes.push(`${userId} joins`);
 *   }
 * }
 *
 * const parent = root.createChildContainer()
 *   .register(UnitOfWork, {
 *     useFactory: instancePerContainerCachingFactory((scope) =>
 *       scope.resolve(AsyncDisposableStack).use(new UnitOfWork())
 *     ),
 *   })
 *   .register(JoinHandler, { useFactory: (scope) => new JoinHandler(scope.resolve(UnitOfWork)) });
 * const Join = command("meeting.join", type<string>());
 * const app = bootstrap(handlers().on(Join, JoinHandler), { container: fromTsyringe(parent) });
 * await app.send(Join("Ada"));
 * await app.send(Join("Bob"));
 * assert.deepEqual(ended, [["Ada joins"], ["Bob joins"]]);
 * ```
 *
 * @module
 */

export {
  type AwilixCacheEntry,
  type AwilixContainerLike,
  type AwilixRegistrations,
  fromAwilix,
  type MismatchedToken,
  type ServiceOf,
  type UnknownRegistration,
} from "./from_awilix.ts";
export {
  fromNeedleDi,
  type NeedleDiBinding,
  type NeedleDiClass,
  type NeedleDiContainerLike,
  type NeedleDiOptions,
  type NeedleDiProvider,
  type NeedleDiToken,
} from "./from_needle_di.ts";
export {
  container,
  type Lifetime,
  ProviderNotFoundError,
  type ProviderOptions,
  type Resolver,
  type ServiceContainer,
} from "./service_container.ts";
