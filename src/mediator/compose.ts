import type { Frame, Level, Overrides } from "./frame.ts";
import { type Invoke, type InvokeStream, streamFrame } from "./run_frame.ts";
import type { Middleware, MiddlewareFunction, StreamAwareMiddleware } from "./middleware.ts";
import { streamThrough } from "./stream_through.ts";

/** A part of the composition: the middlewares from one on inwards, and the handler. */
type Step = (frame: Frame, level: Level | undefined) => Promise<unknown>;

/** Wraps a compiled handler of requests or events in middlewares, the first outermost. */
export function composeCall(middlewares: readonly Middleware[], invoke: Invoke): Invoke {
  const innermost = middlewares.at(-1);
  if (innermost === undefined) return invoke;
  const outermost = middlewares.slice(0, -1)
    .reduceRight<Step>(aroundStep, aroundHandler(invoke, innermost));
  return (frame) => outermost(frame, undefined);
}

// Between middlewares nothing is awaited: every promise that only passes a result on costs as much as a handler.
function aroundStep(inner: Step, middleware: Middleware): Step {
  const run = functionOf(middleware);
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

function aroundHandler(invoke: Invoke, middleware: Middleware): Step {
  const run = functionOf(middleware);
  return (frame, level) => {
    const next = (overrides?: Overrides): Promise<unknown> => {
      const within = overrides === undefined ? frame : frame.fork(overrides);
      return within.host(invoke, level);
    };
    try {
      return run(frame.context, next);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function functionOf(middleware: Middleware): MiddlewareFunction<object> {
  return typeof middleware === "function" ? middleware : middleware.handle.bind(middleware);
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
