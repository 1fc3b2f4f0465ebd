import { describeToken, runAll, type Token } from "../mediator/mod.ts";

/**
 * The life of a scope of somebody else's container: it gives nothing after its
 * end, and it ends what it made only when nothing is being made any more.
 */
export class ScopeLife {
  readonly #underWay = new Set<Promise<unknown>>();
  #isOver = false;

  /** Runs what resolves a service. @throws {TypeError} If the scope is disposed. */
  async resolve<T>(token: Token<T>, resolve: () => unknown): Promise<T> {
    if (this.#isOver) {
      throw new TypeError(`Cannot resolve "${describeToken(token)}" as its scope is disposed`);
    }
    return await this.follow(Promise.resolve(resolve())) as T;
  }

  /** Keeps the scope from ending before a promise has settled. */
  follow<T>(promise: Promise<T>): Promise<T> {
    const forget = () => this.#underWay.delete(promise);
    this.#underWay.add(promise);
    promise.then(forget, forget);
    return promise;
  }

  /** Ends the scope: waits for what is being made, and then runs the disposers. */
  async end(disposers: Iterable<() => unknown>): Promise<void> {
    this.#isOver = true;
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await runAll(disposers, "Cannot dispose several services");
  }
}
