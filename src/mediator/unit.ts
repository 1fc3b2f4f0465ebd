import type { Envelope } from "../message/mod.ts";
import type { Emission } from "./emission.ts";
import type { Frame } from "./frame.ts";
import { dropReason } from "./run_frame.ts";

/**
 * Brings a unit of work to the point where its middleware commits it: when what
 * runs inside has succeeded, its events are handled, if that is to be done
 * inside, and its notifications stored.
 *
 * @param frame The frame that was opened for it, or to join it.
 * @param running What runs inside.
 * @param whole Gives the promise of the middleware, which settles as the commit does.
 */
export async function finishUnit(
  frame: Frame,
  running: Promise<unknown>,
  whole: () => Promise<unknown>,
): Promise<unknown> {
  const { ties, runtime } = frame;
  const { work, joined } = ties;
  let emissions: readonly Emission[] = [];
  try {
    const result = await running;
    await frame.encoded;
    frame.close();
    joined?.absorb(frame);
    if (work !== undefined) {
      emissions = work.domainEvents === "inside"
        ? await runtime.followInside(frame, result)
        : frame.takeEmissions();
      const envelopes = await markStored(emissions);
      if (envelopes.length > 0) await work.store(envelopes);
      frame.commit(whole(), emissions);
    }
    return result;
  } catch (error) {
    frame.drop(dropReason(frame), emissions);
    throw error;
  } finally {
    ties.work = undefined;
  }
}

/** Marks notifications as stored, and gives their final forms. */
export async function markStored(emissions: readonly Emission[]): Promise<readonly Envelope[]> {
  const envelopes: Envelope[] = [];
  for (const emission of emissions) {
    if (emission.envelope === undefined) continue;
    emission.isStored = true;
    envelopes.push(emission.envelope = await emission.envelope);
  }
  return envelopes;
}
