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
    ...relations("C", root, root.kind === "chain" ? "first" : "handler"),
  ];
  return handlers.length > 0 ? lines : [...lines, 'note for C "No handlers configured"'];
}

function handlerClass({ id, text, role, limits }: DrawnHandler): DrawnClass {
  return { id, label: text, stereotype: role, members: ["+handle()", ...limits] };
}

function relations(from: string, node: DrawnNode, label: string): string[] {
  if (node.kind === "handler") return [`${from} --> ${node.id} : ${label}`];
  if (node.kind === "fallback") {
    const how = node.hasBreaker ? "fallback, circuit breaker" : "fallback";
    const [first] = handlersOf(node.primary);
    return [
      ...relations(from, node.primary, label),
      ...relations(first?.id ?? from, node.secondary, how),
    ];
  }
  const { links, otherwise } = node;
  const last = links.at(-1);
  return [
    ...links.map((link, index) => {
      const before = links[index - 1];
      return `${before?.id ?? from} --> ${link.id} : ${before === undefined ? label : "next"}`;
    }),
    ...otherwise === undefined ? [] : relations(last?.id ?? from, otherwise, "otherwise"),
  ];
}
