import { type DiagramOptions, writeDiagram } from "./diagram.ts";
import { handlerClasses } from "./handler_classes.ts";
import { sagaClasses } from "./saga_classes.ts";
import { type DiagramSource, isSaga } from "./source.ts";

/**
 * Draws what there is, and how it belongs together.
 *
 * Of a saga: its version; its steps with their ids, whether they can be compensated, how often they are
 * tried and for how long; its fallbacks; the signals that it waits for. Types do not exist at run time, so
 * its context and the data of its signals are shown if their schema tells its fields, by the Standard JSON
 * Schema specification, as those of zod and arktype do; what steps add to the context is not shown.
 *
 * Of a chain, or another handler that is made of some: the handlers, and which follows which.
 *
 * Names are those that {@linkcode sequenceDiagram} shows.
 *
 * @returns A diagram in the language of Mermaid, for a code block of Markdown with the language `mermaid`.
 *
 * @example A chain of two links
 * ```ts
 * import { chain, command, type Context, type MessageOf, type } from "@sluice/cqrs";
 * import { classDiagram } from "@sluice/cqrs/mermaid";
 * import assert from "node:assert/strict";
 *
 * const Pay = command("pay", type<{ by: string }>()).returns<string>();
 * const pay = chain<MessageOf<typeof Pay>, Context>(
 *   function byCard({ by }, { next }) {
 *     return by === "card" ? "paid by card" : next();
 *   },
 *   { otherwise: () => "pay later" },
 * );
 *
 * assert.equal(
 *   classDiagram(pay),
 *   `classDiagram
 *     class C["Chain"] {
 *         <<chain>>
 *         handlers: 2
 *     }
 *
 *     class H1["byCard"] {
 *         <<link>>
 *         +handle()
 *     }
 *
 *     class H2["default"] {
 *         <<default>>
 *         +handle()
 *     }
 *
 *     C --> H1 : first
 *     H1 --> H2 : otherwise`,
 * );
 * ```
 */
export function classDiagram(source: DiagramSource, options: DiagramOptions = {}): string {
  const lines = isSaga(source) ? sagaClasses(source) : handlerClasses(source);
  return writeDiagram("classDiagram", lines, options);
}
