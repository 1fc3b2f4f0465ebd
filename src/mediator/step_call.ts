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
  host: StepRuntime,
  invoke: Invoke,
  message: AnyMessage,
  call: StepCall,
): Promise<void> {
  const starting = host.lifecycle.enter(false);
  const unit = new StepUnit(host, message, call);
  const { frame } = unit;
  try {
    if (starting !== undefined) await starting;
    call.hasBegun = true;
    const result = await (call.guard === undefined ? invoke(frame) : call.guard(() =>
      begin(invoke, frame)
    ));
    call.hasActed = true;
    frame.close();
    const envelopes = frame.hasEmissions ? await unit.take() : NOTHING;
    frame.ties.work = undefined;
    await call.settle(result, envelopes);
  } catch (error) {
    if (frame.hasSucceeded) call.hasActed = true;
    await unit.fail(error);
    throw error;
  }
  const ending = unit.end();
  if (ending !== undefined) await ending;
}

async function begin(invoke: Invoke, frame: Frame): Promise<unknown> {
  return await invoke(frame);
}

/** One run of a part of a step, and what is emitted in it. */
class StepUnit {
  readonly frame: Frame;
  readonly #host: StepRuntime;
  readonly #message: AnyMessage;
  readonly #scope: LazyScope;
  readonly #watch: Watch | undefined;
  #emitted: readonly Emission[] = NOTHING;
  /** What belongs to transactions within it that are committed, whatever becomes of it. */
  #committed: readonly Emission[] = NOTHING;

  constructor(host: StepRuntime, message: AnyMessage, { signal, additions }: StepCall) {
    const { runtime } = host;
    this.#host = host;
    this.#message = message;
    this.#scope = host.openScope();
    this.#watch = runtime.report && new Watch(runtime.report, () => runtime.now(), message);
    this.frame = new Frame(runtime, message, this.#scope, signal, undefined).add(additions);
    // What handlers send from here becomes a part of it.
    this.frame.ties.unit = this.frame;
    this.frame.ties.work = STEP;
  }

  /** Takes what was emitted, and gives the notifications. */
  async take(): Promise<readonly Envelope[]> {
    await this.frame.encoded;
    this.#emitted = this.frame.takeEmissions();
    this.#committed = this.frame.takeCommitted();
    return await markStored(this.#emitted);
  }

  /** Ends it when it is settled. */
  end(): Promise<void> | undefined {
    const follows = this.#emitted.length + this.#committed.length > 0;
    if (follows || this.frame.lateError !== undefined) return this.#follow();
    const leaving = this.#host.leave(this.#message, this.#scope);
    if (leaving !== undefined) return leaving.then(() => this.#watch?.completed(), this.#failed);
    this.#watch?.completed();
    return undefined;
  }

  /** Ends it when it has failed: what follows from a commit within it is done all the same. */
  async fail(error: unknown): Promise<void> {
    const { frame } = this;
    frame.drop(dropReason(frame), this.#emitted);
    this.#watch?.failed(error);
    if (frame.hasEmissions) await frame.encoded;
    const follows = [...this.#committed, ...frame.takeCommitted()];
    if (follows.length > 0) await this.#dispatch(follows).catch(() => {}); // the observer has seen it
    await this.#host.leave(this.#message, this.#scope)?.catch(() => {}); // the observer has seen it
  }

  async #follow(): Promise<void> {
    let failure = this.frame.lateError;
    try {
      await this.#dispatch([...this.#emitted, ...this.#committed]);
    } catch (error) {
      failure = { error };
    }
    await this.#host.leave(this.#message, this.#scope)?.catch((error) => {
      failure ??= { error };
    });
    if (failure !== undefined) this.#failed(failure.error);
    this.#watch?.completed();
  }

  #dispatch(emissions: readonly Emission[]): Promise<void> {
    return new EventCascade(this.#host.runtime, this.#scope).followAll(emissions);
  }

  readonly #failed = (error: unknown): never => {
    this.#watch?.failed(error);
    throw error;
  };
}
