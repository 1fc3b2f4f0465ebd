import type { CallContext, Overrides } from "./call_context.ts";
import { dropReason, type Invoke, type InvokeStream, streamFrame } from "./frame.ts";
import type { Middleware, MiddlewareFunction, StreamAwareMiddleware } from "./middleware.ts";
import { streamThrough } from "./stream_through.ts";

/** One `next()` of a middleware: what it gave, and the one around it. */
interface Level {
  promise: Promise<unknown> | undefined;
  readonly outer: Level | undefined;
}

/** Wraps a compiled handler of requests or events in middlewares, the first outermost. */
export function composeCall(middlewares: readonly Middleware[], invoke: Invoke): Invoke {
  if (middlewares.length === 0) return invoke;
  const functions = middlewares.map((middleware) =>
    typeof middleware === "function" ? middleware : middleware.handle
  );

  function run(
    index: number,
    context: CallContext,
    root: CallContext,
    level: Level | undefined,
  ): Promise<unknown> {
    const middleware = functions[index];
    if (middleware === undefined) return runHandler(invoke, context, root, level?.outer);
    const next = (overrides?: Overrides): Promise<unknown> => {
      const inner: Level = { promise: undefined, outer: level };
      const within = overrides === undefined ? context : context.fork(overrides);
      return inner.promise = run(index + 1, within, root, inner);
    };
    try {
      return middleware(context, next);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  return (root) => run(0, root, root, undefined);
}

/**
 * Runs the handler in a frame of its own. Its emissions count if it succeeds
 * and every middleware around it does: each `next()` that fails after all drops
 * them, so that a middleware which runs the handler again emits once.
 */
async function runHandler(
  invoke: Invoke,
  context: CallContext,
  root: CallContext,
  level: Level | undefined,
): Promise<unknown> {
  const frame = context.fork();
  try {
    const result = await invoke(frame);
    if (frame.hasEmissions) await keep(frame, root, level);
    frame.close();
    return result;
  } catch (error) {
    frame.drop(dropReason(frame));
    throw error;
  }
}

async function keep(
  frame: CallContext,
  root: CallContext,
  level: Level | undefined,
): Promise<void> {
  await frame.encoded;
  if (frame.isCutOff) return frame.drop("cancelled");
  root.keep(frame);
  for (let outer = level; outer !== undefined; outer = outer.outer) {
    outer.promise?.then(undefined, () => frame.drop(dropReason(frame)));
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
