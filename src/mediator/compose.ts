import type { CallContext, Level, Overrides } from "./call_context.ts";
import { type Invoke, type InvokeStream, streamFrame } from "./frame.ts";
import type { Middleware, MiddlewareFunction, StreamAwareMiddleware } from "./middleware.ts";
import { streamThrough } from "./stream_through.ts";

/** A part of the composition: the middlewares from one on inwards, and the handler. */
type Step = (context: CallContext, root: CallContext, level: Level | undefined) => Promise<unknown>;

/** Wraps a compiled handler of requests or events in middlewares, the first outermost. */
export function composeCall(middlewares: readonly Middleware[], invoke: Invoke): Invoke {
  if (middlewares.length === 0) return invoke;
  const outermost = middlewares.reduceRight<Step>(
    wrap,
    (context, root, level) => host(invoke, context, root, level),
  );
  return (root) => outermost(root, root, undefined);
}

// Between middlewares nothing is awaited: every promise that only passes a result on costs as much as a handler.
function wrap(inner: Step, middleware: Middleware): Step {
  const run = typeof middleware === "function" ? middleware : middleware.handle;
  return (context, root, outer) => {
    const next = (overrides?: Overrides): Promise<unknown> => {
      const level: Level = { promise: undefined, outer };
      const within = overrides === undefined ? context : context.fork(overrides);
      return level.promise = inner(within, root, level);
    };
    try {
      return run(context, next);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function host(
  invoke: Invoke,
  context: CallContext,
  root: CallContext,
  level: Level | undefined,
): Promise<unknown> {
  const frame = context.host();
  const promise = promiseOf(invoke, frame);
  frame.hosts({ promise, root, level });
  return promise;
}

function promiseOf(invoke: Invoke, frame: CallContext): Promise<unknown> {
  try {
    const running = invoke(frame);
    return running instanceof Promise ? running : Promise.resolve(running);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Wraps a compiled handler of a streaming request in middlewares, the first outermost. */
export function composeStream(middlewares: readonly Middleware[], invoke: Invoke): InvokeStream {
  return middlewares.reduceRight<InvokeStream>(
    (inner, middleware) => around(middleware, inner),
    invoke as InvokeStream,
  );
}

function around(middleware: Middleware, inner: InvokeStream): InvokeStream {
  return (context) => {
    const open = (overrides?: Overrides) => streamFrame(context, inner, overrides);
    return isStreamAware(middleware) ? middleware.stream(context, open) : streamThrough(
      (next) => middleware(context, next as Parameters<MiddlewareFunction<object>>[1]),
      open,
    );
  };
}

function isStreamAware(middleware: Middleware): middleware is StreamAwareMiddleware<object> {
  return typeof middleware === "object";
}
