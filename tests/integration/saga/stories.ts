/**
 * What becomes of the sagas of tests in the world outside.
 *
 * @module
 */

import { EffectsLedger, type NotedCall, type StepCall } from "./effects_ledger.ts";
import type { Ending } from "./invariants.ts";
import type { Plan } from "./saga_app.ts";

/** What becomes of sagas of a plan. */
export interface Story {
  readonly plan: Plan;
  /** Whether the effect of an act is refused. `isAgain` if it took place before. */
  refuses(call: StepCall, isAgain: boolean): boolean;
  /** How a saga is to end of which the ledger has these calls. */
  ending(calls: readonly NotedCall[]): Ending;
}

const SHIPPED: Ending = { status: "completed", done: ["reserve", "charge", "ship"] };
const POSTED: Ending = { status: "completed", done: ["reserve", "deliver/secondary", "announce"] };
const DELIVERED: Ending = { status: "completed", done: ["reserve", "deliver", "announce"] };
const UNDONE: Ending = { status: "compensated", done: [] };

const isCourier = ({ key }: StepCall) => key.endsWith("/deliver");

/** Some of them. */
export const stories = {
  "an order": { plan: "order", refuses: () => false, ending: () => SHIPPED },
  "an order that turns back": {
    plan: "order",
    refuses: ({ step }) => step === "ship",
    ending: () => UNDONE,
  },
  // Whoever ships does not know idempotency keys.
  "an order that nobody ships again": {
    plan: "order",
    refuses: ({ step }, isAgain) => step === "ship" && isAgain,
    ending: (calls) => calls.some(({ refused }) => refused === "Cannot ship") ? UNDONE : SHIPPED,
  },
  "a delivery by a fallback": {
    plan: "delivery",
    refuses: isCourier,
    ending: () => POSTED,
  },
  "a delivery by a fallback that turns back": {
    plan: "delivery",
    refuses: (call) => call.step === "announce" || isCourier(call),
    ending: () => UNDONE,
  },
  // What the courier may have done is undone before the post does it.
  "a delivery that no courier takes again": {
    plan: "delivery",
    refuses: (call, isAgain) => isCourier(call) && isAgain,
    ending: (calls) =>
      calls.some(({ refused }) => refused === "Cannot deliver") ? POSTED : DELIVERED,
  },
  "a delivery that no courier takes again, and that turns back": {
    plan: "delivery",
    refuses: (call, isAgain) => call.step === "announce" || (isCourier(call) && isAgain),
    ending: () => UNDONE,
  },
} as const satisfies Record<string, Story>;

/** A ledger for one of them: each first attempt to undo a second step is refused, too. */
export function ledgerOf(story: Story): EffectsLedger {
  const ledger = new EffectsLedger();
  const refused = new Set<string>();
  ledger.refuses = (call) => {
    const { side, step, key } = call;
    if (side === "act") {
      return story.refuses(call, ledger.effects.has(key)) ? `Cannot ${step}` : undefined;
    }
    if (refused.has(key) || !(step === "charge" || step === "deliver")) return undefined;
    refused.add(key);
    return "Not yet";
  };
  return ledger;
}
