// deno-lint-ignore-file no-console

import { bootstrap, handlers } from "@sluice/cqrs";
import { memoryStorage } from "@sluice/cqrs/storage";
import { compare, timed } from "../outbox/measure.ts";
import { many, Order, START, steps } from "./order.ts";

const COUNT = 5_000;

/** Measures what a step costs in memory, over calling it. */
export async function measureMemory(): Promise<void> {
  const byHand = async () => {
    let context: object = START;
    for (const step of Object.values(steps)) context = { ...context, ...await step() };
  };
  const { medianMs: [hand = NaN, ours = NaN] } = await compare(21, [
    () => timed(() => many(byHand, COUNT, 1)),
    () => {
      const app = bootstrap(handlers().saga(Order), { storage: memoryStorage() });
      return timed(() => many(() => app.send(Order(START)), COUNT, 1));
    },
  ]);
  const perStep = (ours - hand) / COUNT / 3 * 1_000;
  console.log("\nIn memory, one at a time");
  console.log(`  a saga of three steps   ${(ours / COUNT * 1_000).toFixed(1)} µs`);
  console.log(`  the steps alone         ${(hand / COUNT * 1_000).toFixed(2)} µs`);
  console.log(
    `  overhead for each step  ${perStep.toFixed(2)} µs, start and end of the saga included`,
  );
}
