import { MemoryDatabase } from "../../src/storage/memory/memory_database.ts";
import { MemoryStorage } from "../../src/storage/memory/memory_storage.ts";
import type { MemoryTransaction } from "../../src/storage/memory/mod.ts";
import { ManualClock } from "../../src/testing/manual_clock.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";
import { testStorage } from "./storage_runner.ts";

function memoryHarness(): StorageHarness<MemoryTransaction> {
  const clock = new ManualClock(1_800_000_000_000);
  const database = new MemoryDatabase(clock);
  const storage = new MemoryStorage(database);
  return {
    storage,
    isConcurrent: true,
    open: (options) => new MemoryStorage(database, options),
    advance: (durationMs) => clock.advance(durationMs),
    put: (tx, name, value) => Promise.resolve(tx.client.set(name, value)),
    get: (name) => storage.transaction((tx) => tx.client.get(name) as string | undefined),
    async [Symbol.asyncDispose]() {},
  };
}

testStorage("memoryStorage()", { isConcurrent: true, harness: memoryHarness });
