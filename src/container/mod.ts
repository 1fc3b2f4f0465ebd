/**
 * A small container for the services and handler classes of an application:
 * singletons, services that live as long as a scope, and transient ones, made
 * asynchronously where need be and ended in order.
 *
 * Any other container serves as well behind the `Container` port of `@sluice/cqrs`.
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
 * @module
 */

export {
  container,
  type Lifetime,
  ProviderNotFoundError,
  type ProviderOptions,
  type Resolver,
  type ServiceContainer,
} from "./service_container.ts";
