import { sleep } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import { exponentialBackoff } from "../resilience/mod.ts";
import type { SagaChange, SagaHold } from "../storage/mod.ts";
import type { RunParts } from "./run_parts.ts";

/** How often something is refused with the same words before that counts as an answer. */
const MAX_REFUSALS = 3;

const delayOf = exponentialBackoff({ initialDelayMs: 50, maxDelayMs: 2_000 });

/**
 * Finds out what has become of a checkpoint whose answer was lost, and writes it again if it was not
 * written: nobody can tell from an error, so the saga is read.
 *
 * @param options.error What the first attempt has failed with.
 * @param options.last The number of the last entry of the log once it is written.
 * @param options.patienceMs How long it goes on, in milliseconds.
 * @returns `undefined` if somebody else has the saga.
 * @throws What the storage throws, if it does not take the checkpoint or stays away for too long.
 */
export async function checkpointed(
  { host: { store, clock } }: RunParts,
  { id, revision }: { readonly id: string; readonly revision: number },
  change: SagaChange,
  { last, patienceMs, ...options }: {
    readonly error: unknown;
    readonly last: number;
    readonly patienceMs: number;
  },
): Promise<SagaHold | undefined> {
  const deadlineMs = clock.now() + patienceMs;
  let { error } = options;
  let refusals = 1;
  for (let attempt = 1; clock.now() < deadlineMs && !isRefusal(error, refusals); attempt++) {
    await sleep(clock, delayOf(attempt));
    try {
      const found = await store.load(id);
      if (found === undefined) return undefined;
      const { record, log } = found;
      if (record.revision === revision + 1 && log.length >= last) {
        return { revision: record.revision, signals: record.signals };
      }
      if (record.revision !== revision) return undefined;
      return await store.checkpoint(id, revision, change);
    } catch (next) {
      refusals = String(next) === String(error) ? refusals + 1 : 1;
      error = next;
    }
  }
  throw error;
}

/** Whether asking again is in vain: what was to be written cannot be. */
function isRefusal(error: unknown, times: number): boolean {
  if (error instanceof SluiceError) return true;
  const isMisuse = error instanceof TypeError || error instanceof RangeError;
  return isMisuse && times >= MAX_REFUSALS; // some drivers throw these when a connection fails
}
