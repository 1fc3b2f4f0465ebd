/**
 * A fallback for a query, which answers when its primary fails, and a circuit breaker, which keeps
 * calls away from a primary that fails again and again.
 *
 * Prices come from a supplier, and from a price list while the supplier is down.
 *
 * Run it: deno run examples/request_fallback.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  circuitBreaker,
  CircuitOpenError,
  fallback,
  handlers,
  query,
  type,
  withTimeout,
} from "@sluice/cqrs";
import { ManualClock } from "@sluice/cqrs/testing";

const ReadPrice = query("price.read", type<{ article: string }>())
  .returns<{ cents: number; from: string }>();

class UnknownArticleError extends Error {
  override readonly name = "UnknownArticleError";
}

// It stands still until it is moved, so that this program need not wait. The default is the clock of
// the system.
const clock = new ManualClock();

const supplier = {
  state: "up" as "up" | "down" | "hanging",
  calls: 0,
  async readPrice(article: string, signal: AbortSignal): Promise<number> {
    this.calls++;
    if (this.state === "down") throw new Error("The supplier does not answer");
    if (this.state === "hanging") await clock.advance(1_000); // the time limit passes
    signal.throwIfAborted();
    if (article !== "lamp") throw new UnknownArticleError(`There is no article "${article}"`);
    return 4_990;
  },
};

/** Whether an error speaks against the supplier. That it does not know an article does not. */
function isFailure(error: unknown): boolean {
  return !(error instanceof UnknownArticleError);
}

const breaker = circuitBreaker({
  name: "supplier",
  failureThreshold: 2,
  resetTimeoutMs: 60_000,
  isFailure,
  clock,
  onStateChange: ({ from, to }) => console.log(`  the circuit was ${from} and is ${to}`),
});

const registry = handlers().on(
  ReadPrice,
  fallback(
    // The time limit stands inside of the breaker, so that a supplier that hangs counts as failed.
    withTimeout(
      async ({ article }, { signal }) => ({
        cents: await supplier.readPrice(article, signal),
        from: "the supplier",
      }),
      1_000,
      { clock },
    ),
    () => ({ cents: 5_490, from: "the price list" }),
    { when: isFailure, circuitBreaker: breaker },
  ),
);

const app = bootstrap(registry, {
  observer: (event) => {
    if (event.type !== "fell_back") return;
    const { error } = event;
    const reason = error instanceof CircuitOpenError ? "refused by the circuit" : `${error}`;
    console.log(`  fell back: ${reason}`);
  },
});

async function ask(article: string): Promise<void> {
  console.log(`The price of a ${article}, with the supplier ${supplier.state}:`);
  try {
    const { cents, from } = await app.send(ReadPrice({ article }));
    console.log(`  ${(cents / 100).toFixed(2)} from ${from}`);
  } catch (error) {
    console.log(`  ${error}`);
  }
}

await ask("lamp");
await ask("unicorn");
supplier.state = "hanging";
await ask("lamp");
supplier.state = "down";
await ask("lamp");
await ask("lamp");
supplier.state = "up";
await ask("lamp");
console.log("A minute later");
await clock.advance(60_000);
await ask("lamp");
console.log(`The supplier was called ${supplier.calls} times`);
