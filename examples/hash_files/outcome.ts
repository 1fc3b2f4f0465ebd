/** What the server says of the runs that it has had. */

import type { ObserverEvent } from "@sluice/cqrs";

/** Says in a line how a run ended; nothing of what else happens to messages. */
export function describeOutcome(event: ObserverEvent): string | undefined {
  if (!("durationMs" in event) || event.message.kind !== "stream") return undefined;
  const { type: outcome, message: { type, data }, durationMs } = event;
  return `${type} ${JSON.stringify(data)}: ${outcome} after ${(durationMs / 1_000).toFixed(2)} s`;
}
