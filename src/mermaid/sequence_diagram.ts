import { type DiagramOptions, writeDiagram } from "./diagram.ts";
import { handlerSequence } from "./handler_sequence.ts";
import { sagaSequence } from "./saga_sequence.ts";
import { type DiagramSource, isSaga } from "./source.ts";

/**
 * Draws what happens in which order.
 *
 * Of a saga: how it completes; and how it turns back when its last step fails, the last that was done is
 * compensated first. A fallback is a participant of its own, and acts where its primary does not succeed. A
 * step that waits is the one that sends the signal. Steps without a compensation say so. What is left
 * out: whatever turns the saga back earlier, attempts at compensations, and that also a step is compensated
 * of which nobody knows whether it has had its effect.
 *
 * Of a chain: its links in their order, each within the alternative that the one before passed on; then its
 * default, or the error of a chain that has none. A fallback has an alternative for its secondary, wherever
 * it stands.
 *
 * Functions and classes are shown by their names, steps of a saga without a name by their ids, links of a
 * chain by their numbers. Names longer than 30 characters are cut. In a bundle, names are those that the
 * minifier has left.
 *
 * @returns A diagram in the language of Mermaid, for a code block of Markdown with the language `mermaid`.
 *
 * @example A saga of two steps
 * ```ts
 * import { type } from "@sluice/cqrs";
 * import { sequenceDiagram } from "@sluice/cqrs/mermaid";
 * import { saga } from "@sluice/cqrs/saga";
 * import assert from "node:assert/strict";
 *
 * const Order = saga("order", { version: 1, context: type<{ item: string }>() })
 *   .step("reserve", { act: () => ({ reservation: "r1" }), compensate: () => {} })
 *   .step("charge", { act: () => {} });
 *
 * assert.equal(
 *   sequenceDiagram(Order),
 *   `sequenceDiagram
 *     participant S as Saga order
 *     participant S1 as reserve
 *     participant S2 as charge
 *
 *     Note over S: Successful Execution Flow
 *     S->>S1: act()
 *     S1-->>S: success
 *     S->>S2: act()
 *     S2-->>S: success
 *     Note over S: Saga Completed
 *
 *     Note over S: Failure & Compensation Flow
 *     S->>S1: act()
 *     S1-->>S: success
 *     S->>S2: act()
 *     S2--xS: error
 *
 *     Note over S: Compensation (reverse order)
 *     S->>S1: compensate()
 *     S1-->>S: success
 *     Note over S: Saga Compensated`,
 * );
 * ```
 */
export function sequenceDiagram(source: DiagramSource, options: DiagramOptions = {}): string {
  const lines = isSaga(source) ? sagaSequence(source) : handlerSequence(source);
  return writeDiagram("sequenceDiagram", lines, options);
}
