/**
 * The saga that is measured, and how.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { type } from "@sluice/cqrs";
import { saga } from "@sluice/cqrs/saga";
import { compare, timed } from "../outbox/measure.ts";

/** What a saga is started with. */
export const START = { item: "lamp", euros: 40 };

/** The steps; their work is nothing, so that only the rest is measured. */
export const steps = {
  reserve: () => ({ reservation: "r-1" }),
  charge: () => ({ payment: "p-1" }),
  ship: () => ({ parcel: "s-1" }),
};

const compensate = () => {};

/** The saga. */
export const Order = saga("order", {
  version: 1,
  context: type<{ item: string; euros: number }>(),
})
  .step("reserve", { act: steps.reserve, compensate })
  .step("charge", { act: steps.charge, compensate })
  .step("ship", { act: steps.ship, compensate });

/** Something that runs one saga. */
export interface Candidate {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

/** How the candidates of a table are measured. */
export interface TableOptions {
  /** How many sagas a round has. */
  readonly count: number;
  /** How many of them are under way at a time. */
  readonly inFlight: number;
  readonly rounds: number;
}

/** Measures candidates in turn, and prints the rates and what share of that of the first they are. */
export async function table(
  title: string,
  candidates: readonly Candidate[],
  { count, inFlight, rounds }: TableOptions,
): Promise<void> {
  const { medianMs } = await compare(
    rounds,
    candidates.map(({ run }) => () => timed(() => many(run, count, inFlight))),
  );
  console.log(`\n${title}`);
  for (const [n, { name }] of candidates.entries()) {
    const perSecond = Math.round(count / (medianMs[n] ?? NaN) * 1_000);
    const ratio = ((medianMs[0] ?? NaN) / (medianMs[n] ?? NaN)).toFixed(2);
    console.log(`  ${name.padEnd(44)} ${String(perSecond).padStart(8)} sagas/s  ${ratio}`);
  }
}

/** Runs something many times, so many at a time. */
export async function many(
  run: () => Promise<unknown>,
  count: number,
  inFlight: number,
): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await run();
  }));
}
