/**
 * Goes on with sagas until they have ended.
 *
 * @module
 */

import { sagaRecovery, type SagaRecoveryReport } from "@sluice/cqrs/saga";
import type { SagaRecord, SagaStore } from "@sluice/cqrs/storage";
import type { SagaApp } from "./saga_app.ts";

/** The recovery of a test: one that does not leave alone for long what did not get on. */
export function recoveryOf({ sagas }: SagaApp, concurrency = 10) {
  return sagaRecovery({ sagas }, { concurrency, maxAttempts: 20, backoffMs: 1 });
}

/** Recovers until none of these sagas goes on; waits for those that are leased or have to wait. */
export async function recover(
  app: SagaApp,
  store: SagaStore,
  ids: readonly string[],
): Promise<void> {
  const recovery = recoveryOf(app);
  const left = new Set(ids);
  const reports: SagaRecoveryReport[] = [];
  while (left.size > 0) {
    reports.push(await recovery.tick({ budgetMs: 10_000 }));
    const waits: number[] = [];
    for (const id of left) {
      const record = (await store.load(id))?.record;
      if (record === undefined || isAtRest(record)) left.delete(id);
      else waits.push(Math.max(record.leaseLeftMs, record.resumeInMs));
    }
    if (reports.length > 100) {
      throw new Error(`Sagas do not get on: ${JSON.stringify(await store.load(ids[0] as string))}`);
    }
    if (waits.length > 0) await pause(Math.min(...waits));
  }
}

/** Until something is due: by what the storage says, and a little more for one that was claimed in vain. */
export function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(1_000, waitMs + 5)));
}

/** Resolves when others have brought these sagas to their end. */
export async function untilEnded(store: SagaStore, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    for (let isOver = false; !isOver;) {
      const record = (await store.load(id))?.record;
      isOver = record !== undefined && isAtRest(record);
      if (!isOver) await pause(20);
    }
  }
}

function isAtRest({ status, parkedReason }: SagaRecord): boolean {
  return ["completed", "compensated", "failed"].includes(status) || parkedReason !== undefined;
}
