/**
 * An application of sagas whose steps tell a ledger what they do.
 *
 * @module
 */

import { bootstrap, type Clock, handlers, type ObserverEvent, type Sagas } from "@sluice/cqrs";
import type { CompensationContext, StepContext } from "@sluice/cqrs/saga";
import type { SagaStore, Storage } from "@sluice/cqrs/storage";
import type { Effects, StepCall } from "./effects_ledger.ts";
import type { Places } from "./places.ts";
import { deliverySaga, orderSaga, Stepped, type World } from "./sagas.ts";

/** Which saga. */
export type Plan = "order" | "delivery";

/** How a {@linkcode SagaApp} works. */
export interface SagaAppOptions {
  readonly plan: Plan;
  /** The name of the definition. */
  readonly name: string;
  /** What the ledger knows this process by. */
  readonly process: string;
  readonly effects: Effects;
  readonly storage: Storage;
  /** @default that of the storage */
  readonly sagas?: SagaStore | undefined;
  readonly leaseMs: number;
  readonly undoDelayMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly places?: Places | undefined;
  /** Is awaited in the act of the second step, between its effect and its return. */
  readonly dwell?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly observer?: ((event: ObserverEvent) => void) | undefined;
}

/** An application with one saga. */
export interface SagaApp extends AsyncDisposable {
  readonly sagas: Sagas;
  /** Runs one to its end. */
  send(id: string): Promise<unknown>;
  /** Runs one as a stream, to its end. */
  stream(id: string): Promise<void>;
  start(id: string): Promise<{ readonly settled: Promise<void> }>;
  /** Resolves when all handlers have ended, also those that nobody waits for any more. */
  idle(): Promise<unknown>;
}

/** Makes one. */
export function sagaApp(options: SagaAppOptions): SagaApp {
  const { plan, name, storage, sagas = storage.sagas, leaseMs, clock, observer } = options;
  const settings = {
    storage: { outbox: storage.outbox, sagas },
    sagas: { leaseMs, pollMs: 20 },
    ...(observer && { observer }),
    ...(clock && { clock }),
  };
  const handling = new Set<Promise<void>>();
  const world = worldOf(options, handling);
  const idle = () => Promise.allSettled(handling);
  const context = { item: "lamp" };
  const drain = async (items: AsyncIterable<unknown>) => {
    for await (const _ of items);
  };
  if (plan === "order") {
    const Order = orderSaga(name, world);
    const app = bootstrap(handlers().saga(Order), settings);
    return {
      sagas: app.sagas,
      send: (id) => app.send(Order(context, { id })),
      stream: (id) => drain(app.stream(Order(context, { id }))),
      start: (id) => app.sagas.start(Order(context, { id })),
      idle,
      [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
    };
  }
  const Delivery = deliverySaga(name, world);
  const app = bootstrap(handlers().saga(Delivery), settings);
  return {
    sagas: app.sagas,
    send: (id) => app.send(Delivery(context, { id })),
    stream: (id) => drain(app.stream(Delivery(context, { id }))),
    start: (id) => app.sagas.start(Delivery(context, { id })),
    idle,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

function worldOf(
  { effects, process, places, dwell, undoDelayMs }: SagaAppOptions,
  handling: Set<Promise<void>>,
): World {
  async function have(side: StepCall["side"], step: StepContext): Promise<void> {
    const { sagaId: saga, idempotencyKey: key, attempt } = step;
    const call = { saga, step: step.step, key, side, process, attempt };
    await effects.tell({ ...call, phase: "begin" });
    try {
      const effect = () => effects.tell({ ...call, phase: "effect" });
      const refused =
        await (places?.around(`the effect of ${side} ${step.step}`, effect) ?? effect());
      if (refused !== undefined) throw new RangeError(refused);
      if (side === "act" && step.step === "charge") await dwell?.(step.signal);
      step.emit(Stepped({ what: `${side} ${key}` }));
    } finally {
      await effects.tell({ ...call, phase: "end" });
    }
  }
  async function handle(side: StepCall["side"], step: StepContext): Promise<void> {
    const handled = have(side, step);
    handling.add(handled);
    try {
      await handled;
    } finally {
      handling.delete(handled);
    }
  }
  return {
    async act(step) {
      await handle("act", step);
      return step.idempotencyKey;
    },
    undo: (step: CompensationContext) => handle("compensate", step),
    undoDelayMs,
  };
}
