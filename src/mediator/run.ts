import type { Frame } from "./frame.ts";
import type { Invoke } from "./run_frame.ts";

/** One `next()` of a middleware that another stands within: what it gave, and the one around it. */
export interface Level {
  promise: Promise<unknown> | undefined;
  readonly outer: Level | undefined;
}

/** A run of a handler within middlewares. */
export interface Run {
  /** The innermost `next()` around the one that started the run. */
  readonly level: Level | undefined;
  promise: Promise<unknown> | undefined;
  /** Whether its outcome is waited for. */
  isFollowed: boolean;
  outcome: "pending" | "succeeded" | "failed";
}

/** Starts a run; what it throws at once becomes a rejection. */
export function startRun(invoke: Invoke, frame: Frame): Promise<unknown> {
  try {
    const running = invoke(frame);
    return running instanceof Promise ? running : Promise.resolve(running);
  } catch (error) {
    return Promise.reject(error);
  }
}
