import type { SagaStore } from "../../../src/storage/mod.ts";

/** A storage of sagas with some methods of its own. */
export function storeWith(store: SagaStore, methods: Partial<SagaStore>): SagaStore {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The methods whose calls a {@linkcode faultyStore} counts. */
export type Method = "create" | "load" | "claim" | "checkpoint" | "keep" | "signals" | "claimDue";

/** How a storage of sagas fails. */
export interface Faults {
  readonly method: Method;
  /** The number of the first call that fails, from 1. */
  readonly from: number;
  /** How many calls fail. */
  readonly times: number;
  /** Whether a call fails before it has had its effect, or after. */
  readonly when: "before" | "after";
}

/** A storage of sagas whose calls fail as planned: the answer is lost, or the call never came. */
export function faultyStore(
  store: SagaStore,
  { method, from, times, when }: Faults,
): SagaStore & { readonly calls: number } {
  let calls = 0;
  const around = (name: string, call: (...args: unknown[]) => Promise<unknown>) =>
  async (
    ...args: unknown[]
  ) => {
    if (name !== method) return await call(...args);
    const isFault = ++calls >= from && calls < from + times;
    if (isFault && when === "before") throw new Error(`No ${method}`);
    const result = await call(...args);
    if (isFault) throw new Error(`No answer to ${method}`);
    return result;
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "calls") return calls;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? around(String(name), value.bind(target)) : value;
    },
  }) as SagaStore & { readonly calls: number };
}
