// deno-lint-ignore-file no-console -- what is left out is for the reader of the output
import { inboxCases } from "../../src/testing/inbox_cases.ts";
import { outboxCases } from "../../src/testing/outbox_cases.ts";
import { sagaStoreCases } from "../../src/testing/saga_cases.ts";
import { storageCases } from "../../src/testing/storage_cases.ts";
import type { StorageHarness } from "../../src/testing/storage_harness.ts";
import type { StorageCase } from "../../src/testing/storage_steps.ts";

const ALL: readonly StorageCase[] = [
  ...storageCases,
  ...outboxCases,
  ...inboxCases,
  ...sagaStoreCases,
];

/** What a storage is to be tried with. */
export interface StorageRun {
  /** The cases. @default all */
  readonly cases?: readonly StorageCase[];
  /** Whether the harnesses say that they are concurrent; the cases that need it are left out otherwise. */
  readonly isConcurrent: boolean;
  /** Cases that are left out, each with the reason. @default none */
  readonly leftOut?: Readonly<Record<string, string>>;
  /** Whether the database sets timers of its own, which a test cannot end. @default {false} */
  readonly hasTimers?: boolean;
  /** Makes a harness with an empty database. */
  harness(): Promise<StorageHarness> | StorageHarness;
}

/** Makes a test of each case of a storage, and says which ones it leaves out. */
export function testStorage(
  name: string,
  { cases = ALL, isConcurrent, leftOut = {}, hasTimers = false, harness }: StorageRun,
): void {
  const unused = new Set(Object.keys(leftOut));
  for (const { name: behaviour, needs, run } of cases) {
    if (unused.delete(behaviour)) {
      console.log(`Not tested, as ${leftOut[behaviour]}: ${name} ${behaviour}`);
      continue;
    }
    if (needs === "concurrency" && !isConcurrent) {
      console.log(`Not tested, as ${name} has one connection: ${behaviour}`);
      continue;
    }
    Deno.test(
      `${name} ${behaviour}`,
      { sanitizeOps: !hasTimers, sanitizeResources: !hasTimers },
      async () => {
        await using made = await harness();
        await run(made);
      },
    );
  }
  if (unused.size > 0) throw new TypeError(`There are no such cases: ${[...unused].join(", ")}`);
}
