// deno-lint-ignore-file no-console -- what is left out is for the reader of the output
import { type BrokerHarness, publisherCases, sourceCases } from "@sluice/cqrs/testing";

/** What a broker is to be tried with. */
export interface BrokerRun {
  /** Cases that are left out, each with the reason. @default none */
  readonly leftOut?: Readonly<Record<string, string>>;
  /** Whether the client sets timers of its own, or keeps connections, that a test cannot end. @default {false} */
  readonly hasTimers?: boolean;
  /** Whether there are messages that the broker refuses. */
  readonly refuses: boolean;
  /** Makes a harness. */
  harness(): Promise<BrokerHarness> | BrokerHarness;
}

/** Makes a test of each case of a broker, and says which ones it leaves out. */
export function testBroker(
  name: string,
  { leftOut = {}, hasTimers = false, refuses, harness }: BrokerRun,
): void {
  const unused = new Set(Object.keys(leftOut));
  for (const { name: behaviour, needs, run } of [...publisherCases, ...sourceCases]) {
    if (unused.delete(behaviour)) {
      console.log(`Not tested, as ${leftOut[behaviour]}: ${name} ${behaviour}`);
      continue;
    }
    if (needs === "refusal" && !refuses) {
      console.log(`Not tested, as ${name} refuses nothing: ${behaviour}`);
      continue;
    }
    Deno.test(
      `${name} ${behaviour}`,
      { sanitizeOps: !hasTimers, sanitizeResources: !hasTimers },
      async () => {
        await using made = await harness();
        await run(made);
      },
    );
  }
  if (unused.size > 0) throw new TypeError(`There are no such cases: ${[...unused].join(", ")}`);
}
