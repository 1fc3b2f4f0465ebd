import type { Context } from "hono";
import { GONE_ID, idOfEnd, type Return, runOfUrl } from "./run_id.ts";
import { RefusedRequestError } from "./problem.ts";

/** What may identify a saga: no control characters and no halves of characters. */
const SAGA_ID = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** The text of a saga's id, the place in its log or the end. */
const EVENT_ID = /^([^:]+):(\d{1,15}|end)$/;

/**
 * Checks what identifies a saga.
 *
 * @throws {TypeError} If it is no text.
 * @throws {RefusedRequestError} If it cannot be an id.
 */
export function checkSagaId(id: unknown): string {
  if (typeof id !== "string") {
    throw new TypeError(`Cannot start a saga: sagaId must give a text, got ${typeof id}`);
  }
  if (SAGA_ID.test(id)) return id;
  throw new RefusedRequestError({
    status: 400,
    detail: "The request does not identify its saga as it should",
    code: "saga_id",
  });
}

/** What stands for a saga in URLs and in the ids of events: both are to be lines of ASCII. */
export function runOfSaga(id: string): string {
  return encodeURIComponent(id);
}

/** Reads what a client asks for that comes back to a saga; `undefined` if it has not been here before. */
export function readSagaReturn(c: Context): Return | undefined {
  const id = runOfUrl(c);
  const lastEventId = c.req.header("last-event-id") ?? "";
  if (lastEventId === "") {
    if (id === undefined) return undefined;
    return SAGA_ID.test(id) ? { kind: "resume", run: id, position: -1 } : { kind: "unknown" };
  }
  if (lastEventId === GONE_ID) return { kind: "ended" };
  const [, run = "", number = ""] = EVENT_ID.exec(lastEventId) ?? [];
  const ofEvent = decoded(run);
  if (ofEvent === undefined || (id !== undefined && id !== ofEvent)) return { kind: "unknown" };
  if (lastEventId === idOfEnd(run)) return { kind: "ended" };
  return { kind: "resume", run: ofEvent, position: Number(number) };
}

/** The id of the saga for which a text stands; `undefined` if it is none of ours. */
function decoded(run: string): string | undefined {
  try {
    const id = decodeURIComponent(run);
    return SAGA_ID.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
