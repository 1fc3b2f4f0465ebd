// deno-lint-ignore-file no-console -- what is left out is for the reader of the output
import { outboxCases } from "../../src/testing/outbox_cases.ts";
import { storageCases } from "../../src/testing/storage_cases.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";

/** What a storage is to be tried with. */
export interface StorageRun {
  /** Whether the harnesses say that they are concurrent; the cases that need it are left out otherwise. */
  readonly isConcurrent: boolean;
  /** Makes a harness with an empty database. */
  harness(): Promise<StorageHarness> | StorageHarness;
}

/** Makes a test of each case of a storage, and says which ones it leaves out. */
export function testStorage(name: string, { isConcurrent, harness }: StorageRun): void {
  for (const { name: behaviour, needs, run } of [...storageCases, ...outboxCases]) {
    if (needs === "concurrency" && !isConcurrent) {
      console.log(`Not tested, as ${name} has one connection: ${behaviour}`);
      continue;
    }
    Deno.test(`${name} ${behaviour}`, async () => {
      await using made = await harness();
      await run(made);
    });
  }
}
