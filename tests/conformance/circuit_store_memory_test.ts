import { memoryCircuitStore } from "../../src/resilience/circuit_store.ts";
import { circuitStoreCases } from "../../src/testing/circuit_store_cases.ts";

for (const { name, run } of circuitStoreCases) {
  Deno.test(`memoryCircuitStore() ${name}`, async () => {
    const store = memoryCircuitStore();
    await run({ store, second: () => store, async [Symbol.asyncDispose]() {} });
  });
}
