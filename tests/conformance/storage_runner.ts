import { outboxCases } from "../../src/testing/outbox_cases.ts";
import { storageCases } from "../../src/testing/storage_cases.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";

/** What a storage is to be tried with. */
export interface StorageRun {
  /** Whether the harnesses say that they are concurrent; the cases that need it are ignored otherwise. */
  readonly isConcurrent: boolean;
  /** Makes a harness with an empty database. */
  harness(): Promise<StorageHarness> | StorageHarness;
}

/** Makes a test of each case of a storage. */
export function testStorage(name: string, { isConcurrent, harness }: StorageRun): void {
  for (const { name: behaviour, needs, run } of [...storageCases, ...outboxCases]) {
    Deno.test({
      name: `${name} ${behaviour}`,
      ignore: needs === "concurrency" && !isConcurrent,
      async fn() {
        await using made = await harness();
        await run(made);
      },
    });
  }
}
