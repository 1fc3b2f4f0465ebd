// deno-lint-ignore-file no-console

import { bootstrap, handlers, type } from "@sluice/cqrs";
import { saga } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { compare, timed } from "../outbox/measure.ts";
import { many, Order, START, steps } from "./order.ts";

const COUNT = 4_000;
const compensate = () => {};

/** The same with six steps more, to tell what a step costs from what a saga does. */
const LongOrder = saga("order.long", {
  version: 1,
  context: type<{ item: string; euros: number }>(),
})
  .step("reserve", { act: steps.reserve, compensate })
  .step("charge", { act: steps.charge, compensate })
  .step("ship", { act: steps.ship, compensate })
  .step("invoice", { act: () => ({ invoice: "i-1" }), compensate })
  .step("notify", { act: () => ({ notice: "n-1" }), compensate })
  .step("rate", { act: () => ({ rating: 5 }), compensate })
  .step("thank", { act: () => ({ thanks: true }), compensate })
  .step("file", { act: () => ({ file: "f-1" }), compensate })
  .step("close", { act: () => ({ closed: true }), compensate });

/** Measures what a step costs in memory, over calling it. */
export async function measureMemory(): Promise<void> {
  const byHand = async () => {
    let context: object = START;
    for (const step of Object.values(steps)) context = { ...context, ...await step() };
  };
  const run = (definition: typeof Order | typeof LongOrder) => () => {
    const app = bootstrap(handlers().saga(Order).saga(LongOrder), { storage: memoryStorage() });
    return timed(() => many(() => app.send(definition(START)), COUNT, 1));
  };
  const { medianMs: [hand = NaN, short = NaN, long = NaN] } = await compare(25, [
    () => timed(() => many(byHand, COUNT, 1)),
    run(Order),
    run(LongOrder),
  ]);
  const micros = (ms: number, parts: number) => (ms / COUNT / parts * 1_000).toFixed(2);
  console.log("\nIn memory, one at a time");
  console.log(`  a saga of three steps              ${micros(short, 1)} µs`);
  console.log(`  the steps alone                    ${micros(hand, 1)} µs`);
  console.log(`  overhead of a further step         ${micros(long - short, 6)} µs`);
  console.log(`  overhead, start and end included   ${micros(short - hand, 3)} µs a step`);
}
