/**
 * The recipes in the module documentation of `src/container/mod.ts`, for the tests here. That the two are the same
 * is tested in `tests/examples/containers_test.ts`.
 *
 * @module
 */

import type { Container, Token } from "../../../mod.ts";
import { Container as Inversify, type ServiceIdentifier } from "inversify";
import "reflect-metadata";
import type { DependencyContainer, InjectionToken } from "tsyringe";

export function fromInversify(
  parent: Inversify,
  bindScoped: (child: Inversify, ending: AsyncDisposableStack) => void,
): Container {
  const idOf = <T>(token: Token<T>) =>
    (typeof token === "function" ? token : token.description) as ServiceIdentifier<T>;
  const open = () => {
    const child = new Inversify({ parent });
    const ending = new AsyncDisposableStack(); // Node.js has it from version 24 on
    ending.defer(() => child.unbindAllAsync());
    bindScoped(child, ending);
    return { child, ending };
  };
  const { child: sample } = open();
  return {
    resolve: (token) => parent.getAsync(idOf(token)),
    has: (token) => sample.isBound(idOf(token)),
    createScope() {
      const { child, ending } = open();
      return {
        resolve: (token) => child.getAsync(idOf(token)),
        [Symbol.asyncDispose]: () => ending.disposeAsync(),
      };
    },
  };
}

export function fromTsyringe(parent: DependencyContainer): Container {
  const idOf = <T>(token: Token<T>) =>
    (typeof token === "function" ? token : token.description) as InjectionToken<T>;
  return {
    resolve: (token) => parent.resolve(idOf(token)),
    has: (token) => parent.isRegistered(idOf(token), true),
    createScope() {
      const child = parent.createChildContainer();
      const ending = new AsyncDisposableStack(); // Node.js has it from version 24 on
      ending.defer(() => child.dispose());
      child.register(AsyncDisposableStack, { useValue: ending });
      return {
        resolve: (token) => child.resolve(idOf(token)),
        [Symbol.asyncDispose]: () => ending.disposeAsync(),
      };
    },
  };
}
