import type { ReplayEvent, ReplayLog, ReplayReader } from "../stream/mod.ts";
import { expectSame } from "./conformance_case.ts";

/**
 * What the cases of `replayLogCases` need; made anew for each case.
 *
 * The log has these limits: `graceMs: 1_000`, `maxAgeMs: 5_000`, `maxEvents: 4`, `maxRuns: 3`,
 * and room for as many bytes as the cases need.
 */
export interface ReplayLogHarness extends AsyncDisposable {
  /** The log to try; it holds no run yet. */
  readonly log: ReplayLog;
  /** Opens the same log as another process would see it. */
  second(): Promise<ReplayLog> | ReplayLog;
  /** Lets time pass for the log, in all processes, and what is due happen. */
  advance(durationMs: number): Promise<void>;
}

/** The last event of a run. */
export const LAST: ReplayEvent = { event: "done", data: "{}", isLast: true };

/** An event that is not the last. */
export function item(data: string): ReplayEvent {
  return { event: "item", data, isLast: false };
}

/** Opens the run "run" of the owner "ada", which must be there. */
export async function mustOpen(log: ReplayLog, position: number): Promise<ReplayReader> {
  const reader = await log.open("run", "ada", position);
  expectSame(`Whether there is a reader behind ${position}`, reader !== undefined, true);
  return reader as ReplayReader;
}

/** The data of the next `count` events. */
export async function readData(reader: ReplayReader, count: number): Promise<string[]> {
  const data: string[] = [];
  while (data.length < count) {
    const events = await reader.read();
    expectSame("Whether there is another event", events !== undefined, true);
    for (const event of events ?? []) data.push(event.data);
  }
  return data;
}

interface Followed {
  readonly promise: Promise<unknown>;
  isSettled: boolean;
  readonly error: Promise<unknown>;
}

/** Tells whether a promise has settled, and with which error. */
export function follow(promise: Promise<unknown>): Followed {
  const followed = {
    promise,
    isSettled: false,
    error: promise.then(() => undefined, (error) => error),
  };
  const onSettled = () => void (followed.isSettled = true);
  promise.then(onSettled, onSettled);
  return followed;
}

/** Resolves when the signal has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
