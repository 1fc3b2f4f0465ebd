import type {
  ChainHandler,
  CompositeHandler,
  FallbackHandler,
  RetryHandler,
  TimeoutHandler,
} from "../mediator/mod.ts";
import { attemptsText, durationText, nameText } from "./text.ts";

/** One that handles, as diagrams name it. */
export interface DrawnHandler {
  readonly kind: "handler";
  /** What it is called within the diagram, where names may be the same: `H1`, or `F1` within a fallback. */
  readonly id: string;
  /** Its name, escaped. */
  readonly text: string;
  /** What it is there for. */
  readonly role: "handler" | "link" | "default" | "fallback";
  /** How often and how long it is tried. */
  readonly limits: readonly string[];
}

/** A chain, as diagrams name it. */
export interface DrawnChain {
  readonly kind: "chain";
  readonly links: readonly DrawnHandler[];
  readonly otherwise: DrawnNode | undefined;
  readonly limits: readonly string[];
}

/** A fallback, as diagrams name it. */
export interface DrawnFallback {
  readonly kind: "fallback";
  readonly primary: DrawnNode;
  readonly secondary: DrawnNode;
  readonly hasBreaker: boolean;
  readonly limits: readonly string[];
}

/** A handler, or what is made of some, as diagrams name it. */
export type DrawnNode = DrawnHandler | DrawnChain | DrawnFallback;

type AnyComposite =
  | ChainHandler<never, never>
  | FallbackHandler<never, never>
  | RetryHandler<never, never>
  | TimeoutHandler<never, never>;

/** Names all that a handler is made of. */
export function drawHandler(handler: CompositeHandler<never, never>): DrawnNode {
  const counts = { H: 0, F: 0 };
  const draw = (handler: unknown, role: Role): DrawnNode => {
    if (!isComposite(handler)) return leaf(handler, role, `${role.letter}${++counts[role.letter]}`);
    switch (handler.composite) {
      case "chain":
        return drawChain(handler, role, draw);
      case "fallback": {
        const { primary, secondary, options: { circuitBreaker } } = handler;
        return {
          kind: "fallback",
          primary: draw(primary, role),
          secondary: draw(secondary, {
            letter: "F",
            is: "fallback",
            name: `fallback of ${role.name}`,
          }),
          hasBreaker: circuitBreaker !== undefined,
          limits: [],
        };
      }
      case "retry":
        return limited(draw(handler.handler, role), attemptsText(handler.policy.maxAttempts));
      case "timeout":
        return limited(
          draw(handler.handler, role),
          `at most ${durationText(handler.timeoutMs)}`,
        );
    }
  };
  return draw(handler, { letter: "H", is: "handler", name: "handler" });
}

/** What a handler is there for, which is also its name if it has none. */
interface Role {
  readonly letter: "H" | "F";
  readonly is: DrawnHandler["role"];
  readonly name: string;
}

function drawChain(
  { links, defaultHandler }: ChainHandler<never, never>,
  { letter }: Role,
  draw: (handler: unknown, role: Role) => DrawnNode,
): DrawnChain {
  const drawn = links.map((link, index) =>
    draw(link, { letter, is: "link", name: `link ${index + 1}` })
  );
  return {
    kind: "chain",
    // Nothing can be a link that is made of others.
    links: drawn.filter((link) => link.kind === "handler"),
    otherwise: defaultHandler && draw(defaultHandler, { letter, is: "default", name: "default" }),
    limits: [],
  };
}

function limited<N extends DrawnNode>(node: N, limit: string | undefined): N {
  return limit === undefined ? node : { ...node, limits: [...node.limits, limit] };
}

function leaf(handler: unknown, { is, name }: Role, id: string): DrawnHandler {
  return {
    kind: "handler",
    id,
    text: nameText(handlerName(handler) ?? name),
    role: is,
    limits: [],
  };
}

/** The name of a class or a function, also of the one that an object has as `handle`, if it says anything. */
function handlerName(handler: unknown): string | undefined {
  const handle = typeof handler === "object" && handler !== null && "handle" in handler
    ? handler.handle
    : handler;
  const name: unknown = typeof handle === "function" ? handle.name : undefined;
  return typeof name === "string" && !NOTHING_SAID.includes(name) ? name : undefined;
}

/** The names that the language gives to functions without one, where it finds something to call them by. */
const NOTHING_SAID: readonly string[] = ["", "handle", "otherwise"];

function isComposite(handler: unknown): handler is AnyComposite {
  return typeof handler === "object" && handler !== null && "composite" in handler;
}

/** The handlers that a handler is made of, in the order of their names. */
export function handlersOf(node: DrawnNode): readonly DrawnHandler[] {
  switch (node.kind) {
    case "handler":
      return [node];
    case "chain":
      return [...node.links, ...node.otherwise === undefined ? [] : handlersOf(node.otherwise)];
    case "fallback":
      return [...handlersOf(node.primary), ...handlersOf(node.secondary)];
  }
}

/** What a diagram calls the whole. */
export function rootName({ kind }: DrawnNode): string {
  return { chain: "Chain", fallback: "Fallback", handler: "Handler" }[kind];
}
