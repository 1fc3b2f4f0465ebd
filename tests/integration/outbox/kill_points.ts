/**
 * Lets a process die at a chosen place: right before or right after one of the calls that it makes to
 * the world outside.
 *
 * @module
 */

import type { DenoKv } from "@sluice/cqrs/deno-kv";
import type { PostgresClient, PostgresQuery } from "@sluice/cqrs/postgres";

/** Makes a call to the outside, which is two places to die at. */
export interface Step {
  <R>(call: () => Promise<R>): Promise<R>;
  /** How many places there were so far. */
  readonly count: number;
}

/** Counts places, and dies at one. */
export function killPoints(killAt: number): Step {
  let count = 0;
  async function pass(): Promise<void> {
    if (++count !== killAt) return;
    Deno.kill(Deno.pid, "SIGKILL");
    await new Promise(() => {}); // the signal may take a moment
  }
  const step = async <R>(call: () => Promise<R>): Promise<R> => {
    await pass();
    const result = await call();
    await pass();
    return result;
  };
  return Object.defineProperty(step, "count", { get: () => count }) as Step;
}

/** A Postgres client each of whose statements is a step; so is each commit. */
export function killingPostgres<C>(client: PostgresClient<C>, step: Step): PostgresClient<C> {
  const wrap = (query: PostgresQuery): PostgresQuery => (text, parameters) =>
    step(() => query(text, parameters));
  return {
    ...client,
    query: wrap(client.query),
    transaction: (run) =>
      step(() => client.transaction((scope) => run({ ...scope, query: wrap(scope.query) }))),
    join: (handle) => {
      const scope = client.join(handle);
      return { ...scope, query: wrap(scope.query) };
    },
  };
}

/** A KV each of whose reads and commits is a step. */
export function killingKv(kv: Deno.Kv, step: Step): DenoKv {
  return new Proxy(kv, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target);
      if (name === "get" || name === "getMany" || name === "set" || name === "delete") {
        return (...args: unknown[]) => step(() => method(...args));
      }
      if (name === "list") return (...args: unknown[]) => stepList(method(...args), step);
      if (name === "atomic") return () => stepAtomic(method(), step);
      return method;
    },
  });
}

async function* stepList<T>(list: AsyncIterable<T>, step: Step): AsyncGenerator<T> {
  await step(() => Promise.resolve());
  yield* list;
}

function stepAtomic(operation: Deno.AtomicOperation, step: Step): Deno.AtomicOperation {
  const commit = operation.commit.bind(operation);
  return Object.defineProperty(operation, "commit", { value: () => step(commit) });
}
