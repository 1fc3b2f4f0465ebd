import type { Context } from "hono";
import type { Sender } from "../mediator/mod.ts";
import { type AnyRequest, type Definition, validate } from "../message/mod.ts";
import { respondToError } from "./error_answer.ts";
import { type Problem, problemOfHandling } from "./problem.ts";
import { type AnyRouteHandler, guarded } from "./route_guard.ts";
import { type MessageSource, readMessage } from "./route_message.ts";

/** Makes a route that answers with the result of a command or query. */
export function sendRoute<M extends AnyRequest>(
  app: Sender<M>,
  source: MessageSource<M>,
): AnyRouteHandler {
  return guarded(source.options, async (c) => {
    const request = await readMessage(c, source);
    let result: unknown;
    try {
      // The signal of the HTTP request is no use here: on Deno it aborts after a success as well.
      result = await app.send(request);
    } catch (error) {
      return respondToError(error, c, problemOfHandling(error), source.options);
    }
    try {
      return respondWithResult(c, await checked(source.definition, result));
    } catch (error) {
      return respondToError(error, c, RESULT_PROBLEM, source.options);
    }
  });
}

/** Tells a client that what it asked for has happened, although it does not get the result. */
export const RESULT_PROBLEM: Problem = {
  status: 500,
  detail: "The request was handled, but its result cannot be sent",
  code: "result_invalid",
};

/** The result as its schema describes it: what the schema does not know stays on the server. */
function checked<M extends AnyRequest>(
  { type, answerSchema }: Definition<M>,
  result: unknown,
): unknown {
  return answerSchema === undefined ? result : validate(type, answerSchema, result);
}

/** Answers with a result as JSON, or with 204 if there is none. */
export function respondWithResult(c: Context, result: unknown): Response {
  if (result === undefined) return c.body(null, 204);
  const text: string | undefined = JSON.stringify(result);
  if (text === undefined) throw new TypeError(`Cannot encode a result as JSON: ${typeof result}`);
  // Without a status of its own, so that one which `from` has set stays.
  return c.body(text, { headers: { "content-type": "application/json" } });
}
