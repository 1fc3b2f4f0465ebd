import { type DiagramOptions, writeDiagram } from "./diagram.ts";
import { sagaStates } from "./saga_states.ts";
import type { DiagramSaga } from "./source.ts";

/**
 * Draws the states of a saga and what leads from one to another. Up to ten steps are drawn within the states
 * in which they act and are compensated; of more, their number. Names are those that
 * {@linkcode sequenceDiagram} shows.
 *
 * @returns A diagram in the language of Mermaid, for a code block of Markdown with the language `mermaid`.
 *
 * @example An order
 * ```ts
 * import { type } from "@sluice/cqrs";
 * import { stateDiagram } from "@sluice/cqrs/mermaid";
 * import { saga } from "@sluice/cqrs/saga";
 * import assert from "node:assert/strict";
 *
 * const Order = saga("order", { version: 1, context: type<{ item: string }>() })
 *   .step("reserve", { act: () => ({ reservation: "r1" }), compensate: () => {} })
 *   .step("charge", { act: () => {} });
 *
 * const diagram = stateDiagram(Order, { title: "An order" });
 * assert.ok(diagram.includes("Running --> Compensating : a step has failed"));
 * ```
 */
export function stateDiagram(saga: DiagramSaga, options: DiagramOptions = {}): string {
  return writeDiagram("stateDiagram-v2", sagaStates(saga), options);
}
