import {
  type CircuitStateStore,
  memoryCircuitStore,
} from "../../../src/resilience/circuit_store.ts";

/** A store that answers with promises, some turns later, as one behind a network does. */
export function slowCircuitStore(): CircuitStateStore {
  const memory = memoryCircuitStore();
  return {
    async load(name) {
      await turns(2);
      const stored = await memory.load(name);
      await turns(2);
      return stored && structuredClone(stored);
    },
    async save(name, expectedVersion, state) {
      await turns(2);
      const isSaved = await memory.save(name, expectedVersion, structuredClone(state));
      await turns(2);
      return isSaved;
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
