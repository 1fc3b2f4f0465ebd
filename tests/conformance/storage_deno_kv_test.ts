import type { Clock } from "../../src/clock.ts";
import { systemClock } from "../../src/clock.ts";
import { denoKvStorage, type DenoKvTransaction } from "../../src/storage/deno_kv/mod.ts";
import { ManualClock } from "../../src/testing/manual_clock.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";
import { testStorage } from "./storage_runner.ts";

/** A clock that a test moves; what waits for the database itself waits for real. */
function steppedClock(): Clock & Pick<ManualClock, "advance"> {
  const manual = new ManualClock(1_800_000_000_000);
  return {
    now: () => manual.now(),
    setTimer: (callback, delayMs) => systemClock.setTimer(callback, delayMs),
    advance: (durationMs) => manual.advance(durationMs),
  };
}

async function harnessOf(
  path: string,
  openKv: (path: string) => Promise<Deno.Kv>,
  dispose: () => Promise<void>,
): Promise<StorageHarness<DenoKvTransaction>> {
  const clock = steppedClock();
  const opened: Deno.Kv[] = [];
  const open = async () => {
    const kv = await openKv(path);
    opened.push(kv);
    return kv;
  };
  const kv = await open();
  const storage = denoKvStorage(kv, { clock });
  await storage.migrate();
  return {
    storage,
    isConcurrent: true,
    maxBodyBytes: 700_000,
    open: async (options) => denoKvStorage(await open(), { ...options, clock }),
    advance: (durationMs) => clock.advance(durationMs),
    put: (tx, name, value) => Promise.resolve(tx.client.set(["data", name], value)),
    get: async (name) => (await kv.get<string>(["data", name])).value ?? undefined,
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      for (const each of new Set(opened)) each.close();
      await dispose();
    },
  };
}

testStorage("denoKvStorage() in memory", {
  isConcurrent: true,
  async harness() {
    const kv = await Deno.openKv(":memory:"); // each one is another database
    return harnessOf(":memory:", () => Promise.resolve(kv), () => Promise.resolve());
  },
});

testStorage("denoKvStorage() in a file", {
  isConcurrent: true,
  async harness() {
    const folder = await Deno.makeTempDir();
    const dispose = () => Deno.remove(folder, { recursive: true });
    return harnessOf(`${folder}/kv`, (path) => Deno.openKv(path), dispose);
  },
});
