import { type EventDispatcher, EventHandlingError } from "../mediator/mod.ts";
import type { AnyEvent } from "../message/mod.ts";
import { respondToError } from "./error_answer.ts";
import { type Problem, problemOfHandling } from "./problem.ts";
import { type AnyRouteHandler, guarded } from "./route_guard.ts";
import { type MessageSource, readMessage } from "./route_message.ts";

/** Makes a route that runs the handlers of an event. */
export function dispatchRoute<M extends AnyEvent>(
  app: EventDispatcher<M>,
  source: MessageSource<M>,
): AnyRouteHandler {
  return guarded(source.options, async (c) => {
    const event = await readMessage(c, source);
    try {
      await app.dispatch(event);
      return c.body(null, 204);
    } catch (error) {
      return respondToError(error, c, problemOfDispatch(error), source.options);
    }
  });
}

function problemOfDispatch(error: unknown): Problem {
  const problem = problemOfHandling(error);
  if (!(error instanceof EventHandlingError)) return problem;
  return { ...problem, detail: "The event was not handled by all who handle it" };
}
