import type { App, SagaOutcome } from "../mediator/mod.ts";
import type { AnyRequest } from "../message/mod.ts";
import { respondToError } from "./error_answer.ts";
import { problemOfHandling, RefusedRequestError } from "./problem.ts";
import { type AnyRouteHandler, guarded } from "./route_guard.ts";
import { type AskedSaga, checkSaga, readSaga, type SagaSource } from "./saga_start.ts";
import { respondWithResult, RESULT_PROBLEM } from "./send_route.ts";

/** Makes a route that runs sagas, each to its end or until it waits for a signal, and answers with how they stand. */
export function sagaSendRoute<M extends AnyRequest>(
  app: App<M>,
  source: SagaSource<M>,
): AnyRouteHandler {
  const { options } = source;
  return guarded(options, async (c) => {
    const asked = await readSaga(c, source);
    let outcome: SagaOutcome;
    try {
      outcome = await run(app, asked);
    } catch (error) {
      if (error instanceof RefusedRequestError) throw error;
      return respondToError(error, c, problemOfHandling(error), options);
    }
    try {
      if (outcome.status === "waiting") c.status(202);
      return respondWithResult(c, withoutErrors(outcome));
    } catch (error) {
      return respondToError(error, c, RESULT_PROBLEM, options);
    }
  });
}

async function run<M extends AnyRequest>(
  app: App<M>,
  { request, isNew }: AskedSaga<M>,
): Promise<SagaOutcome> {
  if (!isNew) {
    await app.start();
    await checkSaga(app, request);
  }
  try {
    return await app.send(request) as SagaOutcome;
  } finally {
    // Somebody else may have started one with this id meanwhile.
    if (!isNew) await checkSaga(app, request);
  }
}

/** An outcome without what steps have failed with, which tells of the server. */
function withoutErrors({ error: _, steps, ...outcome }: SagaOutcome): unknown {
  return { ...outcome, steps: steps.map(({ step, status }) => ({ step, status })) };
}
