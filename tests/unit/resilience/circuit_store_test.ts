import assert from "node:assert/strict";
import {
  type CircuitStateStore,
  memoryCircuitStore,
  type StoredCircuit,
} from "../../../src/resilience/circuit_store.ts";
import { circuitStoreCases } from "../../../src/testing/circuit_store_cases.ts";

Deno.test("memoryCircuitStore() shares nothing with another memory store", async () => {
  const store = memoryCircuitStore();
  await store.save("a", 0, { status: "closed", failures: 1 });
  assert.equal(await memoryCircuitStore().load("a"), undefined);
});

/** Stores that are wrong, each in one way. */
const WRONG_STORES: Record<string, (right: CircuitStateStore) => Partial<CircuitStateStore>> = {
  "forgets what it saved": () => ({ load: () => undefined }),
  "ignores the expected version": (right) => ({
    save: async (name, _version, state) =>
      right.save(name, (await right.load(name))?.version ?? 0, state),
  }),
  "checks and writes in two steps": () => {
    const circuits = new Map<string, StoredCircuit>();
    return {
      load: (name) => circuits.get(name),
      save: async (name, version, state) => {
        if ((circuits.get(name)?.version ?? 0) !== version) return false;
        await Promise.resolve();
        circuits.set(name, { version: version + 1, state });
        return true;
      },
    };
  },
  "reports a conflict as success": (right) => ({
    save: async (name, version, state) => {
      await right.save(name, version, state);
      return true;
    },
  }),
  "throws on a conflict": (right) => ({
    save: async (name, version, state) => {
      if (await right.save(name, version, state)) return true;
      throw new Error("Conflict");
    },
  }),
  "ignores the case of names": (right) => ({
    load: (name) => right.load(name.toLowerCase()),
    save: (name, version, state) => right.save(name.toLowerCase(), version, state),
  }),
  "keeps times in 32 bits": (right) => ({
    save: (name, version, state) =>
      right.save(
        name,
        version,
        state.status === "closed" ? state : { ...state, untilMs: state.untilMs | 0 },
      ),
  }),
};

for (const [mistake, make] of Object.entries(WRONG_STORES)) {
  Deno.test(`circuitStoreCases fail for a store that ${mistake}`, async () => {
    const outcomes = await Promise.allSettled(circuitStoreCases.map(({ run }) => {
      const right = memoryCircuitStore();
      const store = { ...right, ...make(right) };
      return run({ store, second: () => store, async [Symbol.asyncDispose]() {} });
    }));
    assert.ok(outcomes.some(({ status }) => status === "rejected"));
  });
}

Deno.test("circuitStoreCases fail for a store that other processes do not share", async () => {
  const outcomes = await Promise.allSettled(circuitStoreCases.map(({ run }) => {
    const store = memoryCircuitStore();
    return run({ store, second: memoryCircuitStore, async [Symbol.asyncDispose]() {} });
  }));
  assert.ok(outcomes.some(({ status }) => status === "rejected"));
});

Deno.test("circuitStoreCases accept a store that hands back keys in another order", async () => {
  for (const { run } of circuitStoreCases) {
    const right = memoryCircuitStore();
    const store: CircuitStateStore = {
      ...right,
      load: async (name) => {
        const stored = await right.load(name);
        return stored && { state: stored.state, version: stored.version };
      },
    };
    await run({ store, second: () => store, async [Symbol.asyncDispose]() {} });
  }
});
