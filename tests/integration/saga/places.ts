/**
 * Lets a process die at a chosen place of a saga: right before or right after a write to the storage or an
 * effect of a step.
 *
 * @module
 */

import type { SagaStore } from "@sluice/cqrs/storage";
import { say } from "./say.ts";

/** Counts places, and dies at one. */
export class Places {
  readonly #killAt: number;
  readonly #killAtKeep: number;
  #count = 0;
  #keeps = 0;

  /**
   * @param killAt At which one it dies, counted from 1.
   * @param killAtKeep The same of those around heartbeats, which have a count of their own: they come by the time.
   */
  constructor(killAt: number, killAtKeep: number) {
    this.#killAt = killAt;
    this.#killAtKeep = killAtKeep;
  }

  /** Makes a call, which is two places to die at. */
  async around<R>(name: string, call: () => Promise<R>): Promise<R> {
    await this.#pass("before", name);
    const result = await call();
    await this.#pass("after", name);
    return result;
  }

  async #pass(side: string, name: string): Promise<void> {
    const isIt = name === "keep"
      ? ++this.#keeps === this.#killAtKeep
      : ++this.#count === this.#killAt;
    if (!isIt) return;
    say({ event: "dies", place: `${side} ${name}` });
    Deno.kill(Deno.pid, "SIGKILL");
    await new Promise(() => {}); // the signal may take a moment
  }
}

const WRITES: ReadonlySet<unknown> = new Set([
  "create",
  "checkpoint",
  "keep",
  "claim",
  "claimDue",
]);

/**
 * A store each of whose writes is two places to die at.
 *
 * @param onWritten Is told what each has resolved to.
 */
export function killingSagas(
  store: SagaStore,
  places: Places,
  onWritten: (name: string, result: unknown) => void,
): SagaStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target);
      if (!WRITES.has(name)) return method;
      return async (...args: unknown[]) => {
        const result = await places.around(String(name), () => method(...args));
        onWritten(String(name), result);
        return result;
      };
    },
  });
}
