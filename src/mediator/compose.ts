import type { Frame, Level, Overrides } from "./frame.ts";
import { type Invoke, type InvokeStream, streamFrame } from "./run_frame.ts";
import type { Middleware, StreamAwareMiddleware } from "./middleware.ts";
import { streamThrough } from "./stream_through.ts";

/** A part of the composition: the middlewares from one on inwards, and the handler. */
type Step = (frame: Frame, level: Level | undefined) => Promise<unknown>;

/** Wraps a compiled handler of requests or events in middlewares, the first outermost. */
export function composeCall(middlewares: readonly Middleware[], invoke: Invoke): Invoke {
  if (middlewares.length === 0) return invoke;
  const innermost: Step = (frame, level) => frame.host(invoke, level);
  const outermost = middlewares.reduceRight<Step>(wrap, innermost);
  return (frame) => outermost(frame, undefined);
}

// Between middlewares nothing is awaited: every promise that only passes a result on costs as much as a handler.
function wrap(inner: Step, middleware: Middleware): Step {
  const run = typeof middleware === "function" ? middleware : middleware.handle.bind(middleware);
  return (frame, outer) => {
    const next = (overrides?: Overrides): Promise<unknown> => {
      const level: Level = { promise: undefined, outer };
      const within = overrides === undefined ? frame : frame.fork(overrides);
      return level.promise = inner(within, level);
    };
    try {
      return run(frame.context, next);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** Wraps a compiled handler of a streaming request in middlewares, the first outermost. */
export function composeStream(middlewares: readonly Middleware[], invoke: Invoke): InvokeStream {
  return middlewares.reduceRight<InvokeStream>(
    (inner, middleware) => around(middleware, inner),
    invoke as InvokeStream,
  );
}

function around(middleware: Middleware, inner: InvokeStream): InvokeStream {
  return (frame) => {
    const open = (overrides?: Overrides) => streamFrame(frame, inner, overrides);
    return isStreamAware(middleware)
      ? middleware.stream(frame.context, open)
      : streamThrough((next) => middleware(frame.context, next), open);
  };
}

function isStreamAware(middleware: Middleware): middleware is StreamAwareMiddleware<object> {
  return typeof middleware === "object";
}
