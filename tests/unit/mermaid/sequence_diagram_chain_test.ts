import assert from "node:assert/strict";
import {
  chain,
  type ChainHandler,
  circuitBreaker,
  type Context,
  fallback,
  type Message,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { sequenceDiagram } from "../../../src/mermaid/mod.ts";
import { linesOf } from "./support.ts";

type Asked = Message<"query">;

class CardLink {
  handle() {}
}

function byPayPal() {}

const bothChain = chain<Asked, Context>(CardLink, byPayPal, { otherwise: () => {} });

Deno.test("sequenceDiagram() draws the links of a chain in their order, and its default at the end", () => {
  assert.equal(
    sequenceDiagram(bothChain),
    `\
sequenceDiagram
    participant C as Chain
    participant H1 as CardLink
    participant H2 as byPayPal
    participant H3 as default

    Note over C: Chain Execution Flow
    C->>H1: handle()
    alt CardLink can handle
        H1-->>C: result
        Note over H1: Handler processed, chain stops
    else
        Note over H1: Cannot handle, passing to next
        H1->>H2: next()
        alt byPayPal can handle
            H2-->>C: result
            Note over H2: Handler processed, chain stops
        else
            Note over H2: Cannot handle, passing to next
            H2->>H3: next()
            H3-->>C: result
            Note over H3: Handler processed (default)
        end
    end`,
  );
});

Deno.test("sequenceDiagram() ends a chain without a default with its error", () => {
  assert.equal(
    sequenceDiagram(chain<Asked, Context>(byPayPal)),
    `\
sequenceDiagram
    participant C as Chain
    participant H1 as byPayPal

    Note over C: Chain Execution Flow
    C->>H1: handle()
    alt byPayPal can handle
        H1-->>C: result
        Note over H1: Handler processed, chain stops
    else
        Note over H1: Cannot handle, passing to next
        H1-xC: next()
        Note over C: ChainExhaustedError, as no handler is left
    end`,
  );
});

Deno.test("sequenceDiagram() says that a chain has no handlers", () => {
  const empty: ChainHandler<Asked, Context> = {
    composite: "chain",
    links: [],
    defaultHandler: undefined,
  };
  assert.equal(
    sequenceDiagram(empty),
    `\
sequenceDiagram
    participant C as Chain
    Note over C: No handlers configured`,
  );
});

Deno.test("sequenceDiagram() names links without a name by their numbers", () => {
  const unnamed = chain<Asked, Context>(() => {}, { handle: () => {} }, {
    handle: function byHand() {},
  });
  assert.deepEqual(linesOf(sequenceDiagram(unnamed)).slice(2, 5), [
    "participant H1 as link 1",
    "participant H2 as link 2",
    "participant H3 as byHand",
  ]);
});

Deno.test("sequenceDiagram() cuts the names of links where they stand, and keeps them apart", () => {
  const run = () => {};
  const long = Object.defineProperty(run, "name", { value: "b".repeat(31) });
  const diagram = linesOf(sequenceDiagram(chain<Asked, Context>(long, long)));
  assert.deepEqual(diagram.slice(2, 4), [
    `participant H1 as ${"b".repeat(27)}...`,
    `participant H2 as ${"b".repeat(27)}...`,
  ]);
  assert.ok(diagram.includes(`alt ${"b".repeat(27)}... can handle`));
});

Deno.test("sequenceDiagram() draws a default that is a fallback", () => {
  const end = fallback<Asked, Context>(function live() {}, function stored() {}, {
    circuitBreaker: circuitBreaker({ name: "live" }),
  });
  const lines = linesOf(sequenceDiagram(chain<Asked, Context>(byPayPal, { otherwise: end })));
  assert.deepEqual(lines.slice(2, 5), [
    "participant H1 as byPayPal",
    "participant H2 as live",
    "participant F1 as stored",
  ]);
  assert.deepEqual(lines.slice(lines.indexOf("H1->>H2: next()") + 1), [
    "alt success",
    "H2-->>C: result",
    "Note over H2: Handler processed (default)",
    "else error, or the circuit is open",
    "H2--xC: error",
    "Note over C: Fallback triggered",
    "C->>F1: handle()",
    "F1-->>C: result",
    "Note over F1: Handler processed (default)",
    "end",
    "end",
  ]);
});

Deno.test("sequenceDiagram() goes on with a default that is a chain", () => {
  const outer = chain<Asked, Context>(byPayPal, { otherwise: bothChain });
  const lines = linesOf(sequenceDiagram(outer));
  assert.ok(lines.includes("H1->>H2: next()"));
  assert.ok(lines.includes("alt CardLink can handle"));
  assert.ok(lines.includes("Note over H4: Handler processed (default)"));
});

Deno.test("sequenceDiagram() draws a fallback around a chain", () => {
  const lines = linesOf(sequenceDiagram(fallback<Asked, Context>(bothChain, function stored() {})));
  assert.equal(lines[1], "participant C as Fallback");
  const first = lines.indexOf("alt success");
  assert.deepEqual(lines.slice(first, first + 3), [
    "alt success",
    "C->>H1: handle()",
    "alt CardLink can handle",
  ]);
  assert.deepEqual(lines.slice(-5), [
    "else error",
    "Note over C: Fallback triggered",
    "C->>F1: handle()",
    "F1-->>C: result",
    "end",
  ]);
});

Deno.test("sequenceDiagram() says how often and for how long a handler is tried", () => {
  const end = withRetry<Asked, Context>(
    withTimeout<Asked, Context>(function live() {}, 2_000),
    { maxAttempts: 3 },
  );
  const lines = linesOf(sequenceDiagram(chain<Asked, Context>(byPayPal, { otherwise: end })));
  assert.ok(lines.includes("H1->>H2: next(), at most 2 s, up to 3 attempts"));
});

Deno.test("sequenceDiagram() says how often a whole chain is tried", () => {
  const lines = linesOf(sequenceDiagram(withRetry<Asked, Context>(bothChain, { maxAttempts: 3 })));
  assert.equal(lines[1], "participant C as Chain");
  assert.deepEqual(
    lines.slice(lines.indexOf("Note over C: Chain Execution Flow") + 1).slice(0, 2),
    [
      "Note over C: up to 3 attempts",
      "C->>H1: handle()",
    ],
  );
});
