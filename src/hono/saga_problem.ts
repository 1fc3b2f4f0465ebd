import type { SagaReport } from "../mediator/mod.ts";
import type { Problem } from "./problem.ts";

/** The saga of a request is there, and is another one. */
export const TAKEN_PROBLEM: Problem & { readonly detail: string } = {
  status: 409,
  detail: "The id of the saga is that of another one",
  code: "saga_id",
};

/** What a client may know of an error of sagas, which are known by their codes; `undefined` of all others. */
export function problemOfSaga(error: unknown, code: unknown): Problem | undefined {
  if (code === "saga_id") return TAKEN_PROBLEM;
  if (code !== "saga_failed") return undefined;
  const { outcome: { id, status, parkedReason } } = error as { readonly outcome: SagaReport };
  const saga = { id, status: parkedReason === undefined ? status : "parked" };
  // Nothing is left of it, so the client may try otherwise; with all others somebody has to do something.
  if (saga.status === "compensated") {
    const detail = "The saga could not be completed, and what it had done is undone";
    return { status: 409, detail, code, saga };
  }
  return { status: 500, detail: "The saga could not be completed", code, saga };
}
