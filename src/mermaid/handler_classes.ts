import type { CompositeHandler } from "../mediator/mod.ts";
import { type DrawnClass, writeClass } from "./diagram.ts";
import {
  drawHandler,
  type DrawnHandler,
  type DrawnNode,
  handlersOf,
  rootName,
} from "./handler_parts.ts";

/** The lines of a class diagram of a handler that is made of others. */
export function handlerClasses(handler: CompositeHandler<never, never>): string[] {
  const root = drawHandler(handler);
  const handlers = handlersOf(root);
  const lines = [
    ...writeClass({
      id: "C",
      label: rootName(root),
      stereotype: root.kind,
      members: [`handlers: ${handlers.length}`, ...root.kind === "handler" ? [] : root.limits],
    }),
    ...handlers.map(handlerClass).flatMap(writeClass),
    ...relations(root, {
      from: "C",
      arrow: "-->",
      label: root.kind === "chain" ? "first" : "handler",
    }),
  ];
  return handlers.length > 0 ? lines : [...lines, 'note for C "No handlers configured"'];
}

function handlerClass({ id, text, role, limits }: DrawnHandler): DrawnClass {
  return { id, label: text, stereotype: role, members: ["+handle()", ...limits] };
}

/** How a handler comes to be called. */
interface Way {
  readonly from: string;
  readonly arrow: "-->" | "..>";
  readonly label: string;
}

function relations(node: DrawnNode, way: Way): string[] {
  if (node.kind === "handler") return [`${way.from} ${way.arrow} ${node.id} : ${way.label}`];
  if (node.kind === "fallback") {
    const label = node.hasBreaker ? "fallback, circuit breaker" : "fallback";
    const from = handlersOf(node.primary)[0]?.id ?? way.from;
    return [
      ...relations(node.primary, way),
      ...relations(node.secondary, { from, arrow: "..>", label }),
    ];
  }
  const { links, otherwise } = node;
  let next = way;
  const lines: string[] = [];
  for (const link of links) {
    lines.push(...relations(link, next));
    next = { from: link.id, arrow: "-->", label: "next" };
  }
  if (otherwise === undefined) return lines;
  return [...lines, ...relations(otherwise, { ...next, label: "otherwise" })];
}
