import type { Frame } from "./frame.ts";
import type { Level } from "./run.ts";
import { type Invoke, type InvokeStream, type Overrides, streamFrame } from "./run_frame.ts";
import type { Middleware, MiddlewareFunction, StreamAwareMiddleware } from "./middleware.ts";
import { streamThrough } from "./stream_through.ts";
import { finishUnit } from "./unit.ts";

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
    let whole: Promise<unknown>;
    const next = (overrides?: Overrides): Promise<unknown> => {
      const within = overrides === undefined ? frame : frame.fork(overrides);
      const isUnit = within !== frame && within.isUnit;
      const level: Level = { promise: undefined, outer: isUnit ? undefined : outer };
      const running = level.promise = inner(within, level);
      return isUnit ? finishUnit(within, running, () => whole) : running;
    };
    try {
      return whole = run(frame.context, next);
    } catch (error) {
      return whole = Promise.reject(error);
    }
  };
}

function aroundHandler(invoke: Invoke, middleware: Middleware): Step {
  const run = functionOf(middleware);
  return (frame, level) => {
    let whole: Promise<unknown>;
    const next = (overrides?: Overrides): Promise<unknown> => {
      const within = overrides === undefined ? frame : frame.fork(overrides);
      const isUnit = within !== frame && within.isUnit;
      const running = within.host(invoke, isUnit ? undefined : level);
      return isUnit ? finishUnit(within, running, () => whole) : running;
    };
    try {
      return whole = run(frame.context, next);
    } catch (error) {
      return whole = Promise.reject(error);
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
