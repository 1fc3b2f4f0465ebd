import { type Container, describeToken, type Scope, type Token } from "./container.ts";

/** Opens a scope of a container when the first service is asked for, and never twice. */
export class LazyScope {
  readonly #container: Container;
  #scope: Promise<Scope> | undefined;
  #disposed = false;

  constructor(container: Container) {
    this.#container = container;
  }

  async resolve<T>(token: Token<T>): Promise<T> {
    if (this.#disposed) {
      throw new TypeError(
        `Cannot resolve "${describeToken(token)}" as the scope of its call is disposed`,
      );
    }
    const container = this.#container;
    if (container.createScope === undefined) return container.resolve(token);
    return (await (this.#scope ??= this.#open(container.createScope()))).resolve(token);
  }

  #open(opened: Scope | Promise<Scope>): Promise<Scope> {
    const scope = Promise.resolve(opened);
    // Whoever asks next may have better luck.
    scope.catch(() => this.#scope = undefined);
    return scope;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const scope = this.#scope;
    this.#scope = undefined;
    // A scope that could not be opened has told whoever asked for it.
    await (await scope?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}

/** Stands in where no container is given: it builds classes whose constructors take nothing. */
export const plainContainer: Container = {
  resolve<T>(token: Token<T>): T {
    if (!isPlainClass(token)) {
      throw new TypeError(`Cannot build "${describeToken(token)}" as no container is configured`);
    }
    return new token();
  },
  has: isPlainClass,
};

/** Tells classes whose constructors take nothing, also where they inherit the constructor. */
function isPlainClass<T>(token: Token<T>): token is new () => T {
  if (typeof token !== "function" || token.length > 0) return false;
  if (/\bconstructor\b/.test(Function.prototype.toString.call(token))) return true;
  const base: unknown = Object.getPrototypeOf(token);
  return base === Function.prototype || isPlainClass(base as Token<unknown>);
}
