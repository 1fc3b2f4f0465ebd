import type { AnyMessage } from "../message/mod.ts";

/**
 * A handler made of other handlers: a description that `bootstrap` compiles and
 * that diagrams can read.
 *
 * @typeParam M The messages that it handles.
 * @typeParam C The context that it needs.
 */
export interface CompositeHandler<in M extends AnyMessage, in C> {
  /** What the parts are to each other. */
  readonly composite: "chain" | "fallback" | "retry" | "timeout";
  /** Carries the types; never present at run time. */
  readonly accepts?: ((message: M, context: C) => void) | undefined;
}
