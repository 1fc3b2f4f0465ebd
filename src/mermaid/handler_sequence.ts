import type { CompositeHandler } from "../mediator/mod.ts";
import { indent } from "./diagram.ts";
import {
  drawHandler,
  type DrawnChain,
  type DrawnFallback,
  type DrawnHandler,
  type DrawnNode,
  handlersOf,
  rootName,
} from "./handler_parts.ts";

/** The lines of a sequence diagram of a handler that is made of others. */
export function handlerSequence(handler: CompositeHandler<never, never>): string[] {
  const root = drawHandler(handler);
  const handlers = handlersOf(root);
  const head = [
    `participant C as ${rootName(root)}`,
    ...handlers.map(({ id, text }) => `participant ${id} as ${text}`),
  ];
  if (handlers.length === 0) return [...head, "Note over C: No handlers configured"];
  return [
    ...head,
    "",
    `Note over C: ${rootName(root)} Execution Flow`,
    ...call(root, { from: "C", verb: "handle()", note: undefined }),
  ];
}

/** How a handler is called. */
interface Call {
  /** Who calls it. */
  readonly from: string;
  /** What the call is. */
  readonly verb: string;
  /** What is to be said when it has answered. */
  readonly note: string | undefined;
}

function call(node: DrawnNode, how: Call): string[] {
  if (node.kind === "handler") return [request(node, how), ...answer(node, how.note)];
  const lines = node.kind === "chain" ? callLink(node, 0, how) : callFallback(node, how);
  return node.limits.length === 0 ? lines : [`Note over C: ${node.limits.join(", ")}`, ...lines];
}

function request({ id, limits }: DrawnHandler, { from, verb }: Call): string {
  return `${from}->>${id}: ${[verb, ...limits].join(", ")}`;
}

function answer({ id }: DrawnHandler, note: string | undefined): string[] {
  const result = `${id}-->>C: result`;
  return note === undefined ? [result] : [result, `Note over ${id}: ${note}`];
}

/** A link answers, or the next one is called within what is its alternative. */
function callLink(chain: DrawnChain, index: number, how: Call): string[] {
  const link = chain.links[index];
  if (link === undefined) return callDefault(chain, how);
  return [
    request(link, how),
    `alt ${link.text} can handle`,
    ...indent(answer(link, "Handler processed, chain stops")),
    "else",
    ...indent([
      `Note over ${link.id}: Cannot handle, passing to next`,
      ...callLink(chain, index + 1, { from: link.id, verb: "next()", note: how.note }),
    ]),
    "end",
  ];
}

function callDefault({ otherwise }: DrawnChain, how: Call): string[] {
  if (otherwise !== undefined) {
    return call(otherwise, { ...how, note: "Handler processed (default)" });
  }
  if (how.from === "C") return ["Note over C: No handlers configured"];
  return [`${how.from}-xC: next()`, "Note over C: ChainExhaustedError, as no handler is left"];
}

function callFallback({ primary, secondary, hasBreaker }: DrawnFallback, how: Call): string[] {
  const error = hasBreaker ? "error, or the circuit is open" : "error";
  const rest = [
    "Note over C: Fallback triggered",
    ...call(secondary, { from: "C", verb: "handle()", note: how.note }),
  ];
  if (primary.kind !== "handler") {
    return [
      "alt success",
      ...indent(call(primary, how)),
      `else ${error}`,
      ...indent(rest),
      "end",
    ];
  }
  return [
    request(primary, how),
    "alt success",
    ...indent(answer(primary, how.note)),
    `else ${error}`,
    ...indent([`${primary.id}--xC: error`, ...rest]),
    "end",
  ];
}
