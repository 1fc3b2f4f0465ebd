import type { Context } from "hono";

/** Stands in the id of a run's last event, so that a client which comes back with it can be told to stay away. */
const END = "end";

/** The id that tells an `EventSource` which comes back to a run that is gone that it need not come again. */
export const GONE_ID = "gone";

/** The parameter of the query that names a run; messages have fields of all other names. */
const RUN_PARAMETER = "sluice_run";

/** A number that counts exactly has at most 15 digits. */
const EVENT_ID = /^([\da-f-]{36}):(\d{1,15})$/;

const RUN = /^[\da-f-]{36}$/;

const END_ID = /^[\da-f-]{36}:end$/;

/** The id of the event with the number `number` of a run. */
export function idOfEvent(run: string, number: number): string {
  return `${run}:${number}`;
}

/** The id of the last event of a run. */
export function idOfEnd(run: string): string {
  return `${run}:${END}`;
}

/** The URL of a run, relative to the one that started it. */
export function urlOfRun(run: string): string {
  return `?${RUN_PARAMETER}=${run}`;
}

/** The run that a request's URL names. */
export function runOfUrl(c: Context): string | undefined {
  return c.req.query(RUN_PARAMETER);
}

/** Whether a text may name a run, so that a log is asked for nothing else. */
export function isRun(text: string): boolean {
  return RUN.test(text);
}

/** What a client asks for that comes back. */
export type Return =
  /** It has the end already. */
  | { readonly kind: "ended" }
  /** It has the first `position` events of the run. */
  | { readonly kind: "resume"; readonly run: string; readonly position: number }
  /** What it has is no id of ours. */
  | { readonly kind: "unknown" };

/** Reads what a client asks for that comes back; `undefined` if it has not been here before. */
export function readReturn(c: Context): Return | undefined {
  const run = runOfUrl(c);
  const lastEventId = c.req.header("last-event-id") ?? "";
  if (run !== undefined && !isRun(run)) return { kind: "unknown" };
  if (lastEventId === "") {
    return run === undefined ? undefined : { kind: "resume", run, position: 0 };
  }
  if (lastEventId === GONE_ID) return { kind: "ended" };
  if (END_ID.test(lastEventId)) {
    return { kind: run === undefined || lastEventId === idOfEnd(run) ? "ended" : "unknown" };
  }
  const [, ofEvent = "", number] = EVENT_ID.exec(lastEventId) ?? [];
  if (number === undefined || (run !== undefined && run !== ofEvent)) return { kind: "unknown" };
  return { kind: "resume", run: ofEvent, position: Number(number) + 1 };
}
