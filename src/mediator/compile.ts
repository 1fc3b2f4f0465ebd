import type { MessageKind } from "../message/mod.ts";
import type { Context } from "./context.ts";
import type { Frame } from "./frame.ts";
import { type ChainHandler, invokeChain } from "./chain.ts";
import type { Container, ScopeStrategy, Token } from "./container.ts";
import { type FallbackHandler, invokeFallback, invokeStreamFallback } from "./fallback.ts";
import type { Invoke } from "./run_frame.ts";
import type { AnyHandler } from "./handler.ts";
import { invokeRetry, invokeStreamRetry, type RetryHandler } from "./retry.ts";
import { LazyScope } from "./scope.ts";
import { invokeStreamTimeout, invokeTimeout, type TimeoutHandler } from "./timeout.ts";

/** What a handler is compiled for. */
export interface CompileTarget {
  /** The type of the message that it handles. */
  readonly type: string;
  /** The kind of the message. */
  readonly kind: MessageKind;
  /** Builds handler classes. */
  readonly container: Container;
  /** How long their services live. */
  readonly scope: ScopeStrategy;
}

type AnyFunction = (data: unknown, context: Context) => unknown;
type AnyObject = { handle: AnyFunction };
type AnyComposite =
  | ChainHandler<never, never>
  | FallbackHandler<never, never>
  | RetryHandler<never, never>
  | TimeoutHandler<never, never>;

/**
 * Makes one function of a handler, whatever it is made of.
 *
 * @throws {TypeError} If it is none, or cannot handle messages of this kind.
 */
export function compile(handler: AnyHandler, target: CompileTarget): Invoke {
  if (isComposite(handler)) return compileComposite(handler, target);
  return target.scope === "handler"
    ? scoped(compileLeaf(handler, target), target)
    : compileLeaf(handler, target);
}

function compileLeaf(handler: unknown, target: CompileTarget): Invoke {
  if (isHandlerClass(handler)) return compileClass(handler, target);
  if (typeof handler === "function") {
    const run = handler as AnyFunction;
    checkShape(run, target);
    return (frame) => run(frame.message.data, frame.context);
  }
  if (isHandlerObject(handler)) {
    checkShape(handler.handle, target);
    return (frame) => handler.handle(frame.message.data, frame.context);
  }
  throw new TypeError(
    `Cannot handle "${target.type}" with ${
      handler === null ? "null" : typeof handler
    }: a handler is a function, an object with "handle" or a class of such objects`,
  );
}

function compileClass(handler: Token<AnyObject>, target: CompileTarget): Invoke {
  const handle: unknown = (handler as { readonly prototype?: AnyObject }).prototype?.handle;
  if (typeof handle === "function") checkShape(handle as AnyFunction, target);
  if (target.container.has?.(handler) === false) {
    throw new TypeError(
      `Cannot handle "${target.type}" as the container does not know "${nameOf(handler)}"`,
    );
  }
  if (target.kind === "stream") {
    return async function* (frame) {
      const instance = await frame.scope.resolve(handler);
      yield* instance.handle(frame.message.data, frame.context) as AsyncIterable<unknown>;
    };
  }
  return async (frame) => {
    const instance = await frame.scope.resolve(handler);
    return await instance.handle(frame.message.data, frame.context);
  };
}

function compileComposite(handler: AnyComposite, target: CompileTarget): Invoke {
  const isStream = target.kind === "stream";
  switch (handler.composite) {
    case "chain": {
      if (isStream) {
        throw new TypeError(`Cannot handle "${target.type}" with a chain as it is a stream`);
      }
      const links = handler.links.map((link) => compile(link as AnyHandler, target));
      const { defaultHandler } = handler;
      return invokeChain(links, defaultHandler && compile(defaultHandler as AnyHandler, target));
    }
    case "fallback": {
      const primary = compile(handler.primary as AnyHandler, target);
      const secondary = compile(handler.secondary as AnyHandler, target);
      return (isStream ? invokeStreamFallback : invokeFallback)(
        primary,
        secondary,
        handler.options,
      );
    }
    case "retry": {
      const invoke = compile(handler.handler as AnyHandler, target);
      return (isStream ? invokeStreamRetry : invokeRetry)(invoke, handler.policy);
    }
    case "timeout": {
      const invoke = compile(handler.handler as AnyHandler, target);
      const { timeoutMs, options } = handler;
      return (isStream ? invokeStreamTimeout : invokeTimeout)(invoke, timeoutMs, options);
    }
    default:
      throw new TypeError(`Cannot handle "${target.type}" with an unknown composite`);
  }
}

/**
 * Gives each run of a handler a scope of its own, disposed before anything
 * that follows the run. Every run has a frame to itself, which can carry it.
 */
function scoped(invoke: Invoke, { kind, container }: CompileTarget): Invoke {
  if (kind === "stream") {
    return async function* (frame) {
      const scope = new OwnScope(frame, container);
      try {
        yield* invoke(frame) as AsyncIterable<unknown>;
        frame.succeed();
      } finally {
        await scope.end();
      }
    };
  }
  return async (frame) => {
    const scope = new OwnScope(frame, container);
    try {
      const result = await invoke(frame);
      if (!frame.isCutOff) frame.succeed();
      return result;
    } finally {
      await scope.end();
    }
  };
}

/** The scope of one run of a handler. */
class OwnScope {
  readonly #frame: Frame;
  readonly #around: LazyScope;
  readonly #scope: LazyScope;

  constructor(frame: Frame, container: Container) {
    this.#frame = frame;
    this.#around = frame.scope;
    this.#scope = frame.scope = new LazyScope(container);
  }

  /** A failure does not undo the success of the run, so nothing may run it again for that. */
  async end(): Promise<void> {
    const frame = this.#frame;
    frame.scope = this.#around;
    try {
      await this.#scope.dispose();
    } catch (error) {
      const { message } = frame;
      frame.runtime.report?.({ type: "disposal_failed", message, error });
      if (frame.hasSucceeded) frame.failLater(error);
    }
  }
}

/** Refuses what can be seen to give the wrong kind of answer. Functions that hide it are taken at their word. */
function checkShape(run: AnyFunction, { type, kind }: CompileTarget): void {
  const tag: unknown = (run as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  const isGenerator = tag === "AsyncGeneratorFunction" || tag === "GeneratorFunction";
  if (kind === "stream" && (tag === "AsyncFunction" || tag === "GeneratorFunction")) {
    const what = tag === "AsyncFunction" ? "async function" : "synchronous generator";
    throw new TypeError(
      `Cannot handle "${type}" with ${what} "${nameOf(run)}": a stream needs an async generator`,
    );
  }
  if (kind !== "stream" && isGenerator) {
    throw new TypeError(
      `Cannot handle "${type}" with generator "${nameOf(run)}": a ${kind} is answered once`,
    );
  }
}

/** Tells handler classes from functions: by their `handle` method, or by being written as a class. */
function isHandlerClass(handler: unknown): handler is Token<AnyObject> {
  if (typeof handler !== "function") return false;
  if (typeof (handler.prototype as { handle?: unknown } | undefined)?.handle === "function") {
    return true;
  }
  return /^class\b/.test(Function.prototype.toString.call(handler));
}

function isHandlerObject(handler: unknown): handler is AnyObject {
  return typeof handler === "object" && handler !== null && "handle" in handler &&
    typeof handler.handle === "function";
}

function isComposite(handler: unknown): handler is AnyComposite {
  return typeof handler === "object" && handler !== null && "composite" in handler;
}

function nameOf(value: AnyFunction | Token<unknown>): string {
  return ("name" in value && value.name) || "anonymous";
}
