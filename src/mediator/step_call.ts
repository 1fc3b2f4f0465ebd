import type { AnyMessage, Envelope } from "../message/mod.ts";
import type { Emission } from "./emission.ts";
import { type CascadeRuntime, EventCascade } from "./event_cascade.ts";
import { Frame } from "./frame.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { dropReason, type Invoke } from "./run_frame.ts";
import type { StepCall } from "./saga_port.ts";
import type { LazyScope } from "./scope.ts";
import { markStored } from "./unit.ts";
import type { UnitOfWork } from "./unit_of_work.ts";
import { Watch } from "./watch.ts";

/** What running a part of a step needs of its application. */
export interface StepRuntime {
  readonly runtime: CascadeRuntime;
  readonly lifecycle: Lifecycle;
  /** The scope of a call of its own. */
  openScope(): LazyScope;
  /** Ends a call and its scope; `undefined` if that is done. */
  leave(message: AnyMessage, scope: LazyScope): Promise<void> | undefined;
}

const NOTHING: readonly never[] = [];

/** The unit of work that a step is; its notifications go with its checkpoint. */
const STEP: UnitOfWork = { store: () => Promise.resolve() };

/**
 * Runs a part of a step as a unit of work whose commit is {@linkcode StepCall.settle}: it gets the
 * notifications, and domain events follow it. It is not given up when the signal aborts: whoever has lost
 * the saga finds that out when it settles.
 */
export async function runStep(
  { runtime, lifecycle, openScope, leave }: StepRuntime,
  invoke: Invoke,
  message: AnyMessage,
  call: StepCall,
): Promise<void> {
  const starting = lifecycle.enter(false);
  const scope = openScope();
  const watch = runtime.report && new Watch(runtime.report, () => runtime.now(), message);
  const frame = new Frame(runtime, message, scope, call.signal, undefined).add(call.additions);
  // What handlers send from here becomes a part of it.
  frame.ties.unit = frame;
  frame.ties.work = STEP;
  let emitted: readonly Emission[] = NOTHING;
  let committed: readonly Emission[] = NOTHING;
  let envelopes: readonly Envelope[] = NOTHING;
  try {
    if (starting !== undefined) await starting;
    call.hasBegun = true;
    const result = await (call.guard === undefined ? invoke(frame) : call.guard(() =>
      begin(invoke, frame)
    ));
    frame.close();
    if (frame.hasEmissions) {
      await frame.encoded;
      emitted = frame.takeEmissions();
      committed = frame.takeCommitted();
      envelopes = await markStored(emitted);
    }
    frame.ties.work = undefined;
    await call.settle(result, envelopes);
  } catch (error) {
    await fail(frame, error, [...committed]);
  }
  const follows = emitted.length + committed.length > 0 || frame.lateError !== undefined;
  const late = follows ? await follow([...emitted, ...committed]) : undefined;
  const leaving = leave(message, scope);
  const left = leaving && await leaving.then(() => undefined, (error) => ({ error }));
  const failure = late ?? left;
  if (failure !== undefined) {
    watch?.failed(failure.error);
    throw failure.error;
  }
  watch?.completed();

  /** Gives what went wrong. */
  async function follow(emissions: readonly Emission[]): Promise<{ error: unknown } | undefined> {
    try {
      await new EventCascade(runtime, scope).followAll(emissions);
      return frame.lateError;
    } catch (error) {
      return { error };
    }
  }

  async function fail(frame: Frame, error: unknown, done: readonly Emission[]): Promise<never> {
    frame.drop(dropReason(frame), emitted);
    watch?.failed(error);
    // What follows from a commit within it is done to its end.
    if (frame.hasEmissions) await frame.encoded;
    const follows = [...done, ...frame.takeCommitted()];
    if (follows.length > 0) {
      await new EventCascade(runtime, scope).followAll(follows).catch(() => {});
    }
    await leave(message, scope)?.catch(() => {}); // the observer has seen it
    throw error;
  }
}

async function begin(invoke: Invoke, frame: Frame): Promise<unknown> {
  return await invoke(frame);
}
