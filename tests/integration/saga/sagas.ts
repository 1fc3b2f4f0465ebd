/**
 * The sagas of the tests: each of their steps has an effect in the world outside, and notifies of it.
 *
 * @module
 */

import { notification, type } from "@sluice/cqrs";
import { type CompensationContext, saga, type StepContext, stepFallback } from "@sluice/cqrs/saga";

/** What steps do. */
export interface World {
  /** Has the effect of an act. Resolves to its idempotency key. */
  act(step: StepContext): Promise<string>;
  /** Undoes it. */
  undo(step: CompensationContext): Promise<void>;
  /** How long a compensation waits that has failed. @default {20} */
  readonly undoDelayMs?: number | undefined;
}

/** Says that a side of a step was done: what, and the idempotency key, as "act o1/ship". */
export const Stepped = notification("stepped", {
  topic: "steps",
  data: type<{ what: string }>(),
  key: ({ what }) => what,
});

function optionsOf({ undoDelayMs = 20 }: World) {
  return {
    version: 1,
    context: type<{ item: string }>(),
    compensateRetry: { maxAttempts: 10, backoff: () => undoDelayMs },
  };
}

/** Three steps. */
export function orderSaga(name: string, world: World) {
  const { act, undo } = world;
  const compensate = (_: object, step: CompensationContext) => undo(step);
  return saga(name, optionsOf(world))
    .step("reserve", {
      act: async (_, step) => ({ reservation: await act(step) }),
      compensate,
    })
    .step("charge", {
      act: async (_, step) => ({ payment: await act(step) }),
      compensate,
    })
    .step("ship", {
      act: async ({ reservation, payment }, step) => {
        await act(step);
        return { parcel: `${reservation} for ${payment}` };
      },
      compensate,
    });
}

/** Three steps, of which the second has a fallback. */
export function deliverySaga(name: string, world: World) {
  const { act, undo } = world;
  const compensate = (_: object, step: CompensationContext) => undo(step);
  const side = {
    act: async (_: object, step: StepContext) => ({ parcel: await act(step) }),
    compensate,
  };
  return saga(name, optionsOf(world))
    .step("reserve", {
      act: async (_, step) => ({ reservation: await act(step) }),
      compensate,
    })
    .step("deliver", stepFallback(side, { ...side }))
    .step("announce", {
      act: async (_, step) => ({ announcement: await act(step) }),
      compensate,
    });
}
