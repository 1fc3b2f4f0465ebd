import { type } from "@sluice/cqrs";
import { saga } from "@sluice/cqrs/saga";

/** Does what a step is there for, in the outside world. */
export type Effect = (step: string, idempotencyKey: string) => Promise<void>;

/** Defines the saga of this test. */
export function orderOf(effect: Effect) {
  return saga("order", { version: 1, context: type<{ item: string }>() })
    .step("reserve", async ({ item }, { step, idempotencyKey }) => {
      await effect(step, idempotencyKey);
      return { reservation: `${item} is reserved` };
    })
    .step("charge", async (_, { step, idempotencyKey }) => {
      await effect(step, idempotencyKey);
      return { cents: 500 };
    })
    .step("ship", async (_, { step, idempotencyKey }) => {
      await effect(step, idempotencyKey);
      return { parcel: "P1" };
    })
    .step("tell", (_, { step, idempotencyKey }) => effect(step, idempotencyKey));
}
