/**
 * Diagrams of sagas and chains in the language of Mermaid, made from their definitions: what they show is
 * what runs. GitHub, GitLab and many editors draw them where they stand in a code block of Markdown.
 *
 * @example The diagrams of a saga
 * ```ts
 * import { type } from "@sluice/cqrs";
 * import { classDiagram, sequenceDiagram, stateDiagram } from "@sluice/cqrs/mermaid";
 * import { saga } from "@sluice/cqrs/saga";
 * import assert from "node:assert/strict";
 *
 * const Order = saga("order", { version: 1, context: type<{ item: string }>() })
 *   .step("reserve", { act: () => {}, compensate: () => {} });
 *
 * const fence = "`".repeat(3);
 * const markdown = [sequenceDiagram(Order), classDiagram(Order), stateDiagram(Order)]
 *   .map((diagram) => `${fence}mermaid\n${diagram}\n${fence}\n`)
 *   .join("\n");
 * assert.ok(markdown.includes("participant S1 as reserve"));
 * ```
 *
 * @module
 */

export { classDiagram } from "./class_diagram.ts";
export type { DiagramOptions } from "./diagram.ts";
export { sequenceDiagram } from "./sequence_diagram.ts";
export type { DiagramSaga, DiagramSource } from "./source.ts";
export { stateDiagram } from "./state_diagram.ts";
