import type { AnyMessage } from "../message/mod.ts";
import type { Frame } from "./frame.ts";
import type { DropReason } from "./observer.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/** What a frame may have in place of its parent's; everything else in it is added to the context. */
export interface Overrides {
  /** Another message of the same type. */
  readonly message?: AnyMessage;
  /** A narrower signal. */
  readonly signal?: AbortSignal;
  /** A unit of work, to be opened or joined. */
  readonly unitOfWork?: UnitOfWork;
}

/** A compiled handler: gives a result or a promise of it, or the items of a stream. */
export type Invoke = (frame: Frame) => unknown;

/** A compiled handler of a streaming request. */
export type InvokeStream = (frame: Frame) => AsyncIterable<unknown>;

/** Runs a handler in a frame of its own, whose emissions count only if it succeeds. */
export function runFrame(around: Frame, invoke: Invoke, overrides?: Overrides): Promise<unknown> {
  return run(around, around.fork(overrides, "run"), invoke);
}

/** Runs a handler that is a part of a run, as {@linkcode runFrame} does. */
export function runPart(around: Frame, invoke: Invoke, overrides?: Overrides): Promise<unknown> {
  return run(around, around.fork(overrides, "part"), invoke);
}

async function run(around: Frame, frame: Frame, invoke: Invoke): Promise<unknown> {
  try {
    const result = await invoke(frame);
    if (!frame.isCutOff) frame.succeed();
    await frame.encoded;
    frame.close();
    around.absorb(frame);
    return result;
  } catch (error) {
    frame.drop(dropReason(frame));
    throw error;
  }
}

/**
 * Runs a streaming handler in a frame of its own. What it emitted before an
 * item is handed on before that item; what it emitted since the last item is
 * dropped if it throws.
 */
export async function* streamFrame(
  around: Frame,
  invoke: Invoke,
  overrides?: Overrides,
): AsyncGenerator<unknown, void, void> {
  const frame = around.fork(overrides, "run");
  try {
    for await (const item of invoke(frame) as AsyncIterable<unknown>) {
      around.absorb(frame);
      yield item;
    }
  } catch (error) {
    frame.drop(dropReason(frame));
    throw error;
  } finally {
    around.absorb(frame);
    frame.close();
  }
}

/** Tells a cancelled run from a failed one. */
export function dropReason(frame: Frame): DropReason {
  return frame.cancellation?.aborted === true ? "cancelled" : "handler_failed";
}
