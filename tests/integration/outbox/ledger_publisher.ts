import type { Publisher } from "@sluice/cqrs";

/** Publishes to a ledger, in the name of a relay. */
export function ledgerPublisher(ledgerUrl: string, relay: string): Publisher {
  return {
    keepsOrderOnFailure: true,
    async publish(messages, options) {
      const response = await fetch(ledgerUrl, {
        method: "POST",
        headers: { "x-relay": relay },
        body: JSON.stringify(messages.map(({ topic, key, body }) => ({
          topic,
          key,
          body: JSON.parse(new TextDecoder().decode(body)),
        }))),
        ...options,
      });
      const confirmed: readonly boolean[] = await response.json();
      return confirmed.map((ok) => ok ? { ok } : { ok, error: new Error("The ledger refuses") });
    },
    async [Symbol.asyncDispose]() {},
  };
}
