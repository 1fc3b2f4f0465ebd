import type { CircuitState, CircuitStateStore } from "../resilience/mod.ts";
import { type ConformanceCase, expectSame } from "./conformance_case.ts";

/** What the cases of {@linkcode circuitStoreCases} need; made anew for each case. */
export interface CircuitStoreHarness extends AsyncDisposable {
  /** The store to try; it holds no circuit yet. */
  readonly store: CircuitStateStore;
  /** Opens the same store as another process would see it. */
  second(): Promise<CircuitStateStore> | CircuitStateStore;
}

const CLOSED: CircuitState = { status: "closed", failures: 0 };
const FAILING: CircuitState = { status: "closed", failures: 3 };
// Beyond 32 bits, as real times are.
const OPEN: CircuitState = { status: "open", untilMs: 1_900_000_000_123 };
const ON_TRIAL: CircuitState = { status: "half_open", untilMs: 1_900_000_000_456 };

/**
 * What every {@linkcode CircuitStateStore} must do.
 *
 * @example Running the cases against a store
 * ```ts
 * import { memoryCircuitStore } from "@sluice/cqrs";
 * import { circuitStoreCases } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * for (const { run } of circuitStoreCases) {
 *   const store = memoryCircuitStore();
 *   const harness = { store, second: () => store, async [Symbol.asyncDispose]() {} };
 *   await assert.doesNotReject(run(harness));
 * }
 * ```
 */
export const circuitStoreCases: ReadonlyArray<ConformanceCase<CircuitStoreHarness>> = [
  {
    name: "load() returns undefined for a circuit that was never saved",
    run: async ({ store }) => {
      expectSame("The circuit", await store.load("new"), undefined);
    },
  },
  {
    name: "save() creates a circuit as version 1 when version 0 is expected",
    run: async ({ store }) => {
      expectSame("What save() returned", await store.save("a", 0, FAILING), true);
      expectSame("The circuit", await store.load("a"), { version: 1, state: FAILING });
    },
  },
  {
    name: "save() replaces the state and adds one to the version that was expected",
    run: async ({ store }) => {
      await store.save("a", 0, FAILING);
      expectSame("What save() returned", await store.save("a", 1, OPEN), true);
      expectSame("The circuit", await store.load("a"), { version: 2, state: OPEN });
    },
  },
  {
    name: "save() keeps every kind of state as it is",
    run: async ({ store }) => {
      let version = 0;
      for (const state of [CLOSED, FAILING, OPEN, ON_TRIAL, { ...ON_TRIAL, untilMs: 0 }]) {
        await store.save("a", version++, state);
        expectSame("The circuit", await store.load("a"), { version, state });
      }
    },
  },
  {
    name: "save() returns false and changes nothing when the circuit has moved on",
    run: async ({ store }) => {
      await store.save("a", 0, FAILING);
      await store.save("a", 1, OPEN);
      for (const stale of [0, 1]) {
        expectSame("What save() returned", await store.save("a", stale, CLOSED), false);
      }
      expectSame("The circuit", await store.load("a"), { version: 2, state: OPEN });
    },
  },
  {
    name: "save() returns false and changes nothing when a later version is expected",
    run: async ({ store }) => {
      expectSame("What save() returned", await store.save("a", 1, OPEN), false);
      expectSame("The circuit", await store.load("a"), undefined);
      await store.save("a", 0, FAILING);
      expectSame("What save() returned", await store.save("a", 2, OPEN), false);
      expectSame("The circuit", await store.load("a"), { version: 1, state: FAILING });
    },
  },
  {
    name: "save() keeps circuits of different names apart, whatever characters they have",
    run: async ({ store }) => {
      const names = ["a", "A", "a:b", "a/b", "a b", "a%", "a_", "a'\"\\", "é", "__proto__", "🛟"];
      for (const [failures, name] of names.entries()) {
        const saved = await store.save(name, 0, { status: "closed", failures });
        expectSame(`What save() of "${name}" returned`, saved, true);
      }
      for (const [failures, name] of names.entries()) {
        const expected = { version: 1, state: { status: "closed", failures } };
        expectSame(`Circuit "${name}"`, await store.load(name), expected);
      }
    },
  },
  {
    name: "load() returns what another process has saved",
    run: async ({ store, second }) => {
      const other = await second();
      await store.save("a", 0, FAILING);
      expectSame("The circuit", await other.load("a"), { version: 1, state: FAILING });
      await other.save("a", 1, OPEN);
      expectSame("The circuit", await store.load("a"), { version: 2, state: OPEN });
    },
  },
  {
    name: "load() returns a snapshot that later saves do not change",
    run: async ({ store }) => {
      await store.save("a", 0, FAILING);
      const before = await store.load("a");
      await store.save("a", 1, OPEN);
      expectSame("The snapshot", before, { version: 1, state: FAILING });
    },
  },
  {
    name: "save() succeeds for exactly one of several processes that expect the same version",
    run: async ({ store, second }) => {
      const other = await second();
      for (const version of [0, 1, 2]) {
        const results = await Promise.all(Array.from({ length: 10 }, (_, failures) => {
          const process = failures % 2 === 0 ? store : other;
          return process.save("a", version, { status: "closed", failures });
        }));
        const winner = results.indexOf(true);
        expectSame("The number of successes", results.filter(Boolean).length, 1);
        const expected = { version: version + 1, state: { status: "closed", failures: winner } };
        expectSame("The circuit", await store.load("a"), expected);
      }
    },
  },
];
