import { z } from "zod";
import assert from "node:assert/strict";
import {
  chain,
  type ChainHandler,
  circuitBreaker,
  type Context,
  fallback,
  type Message,
  withRetry,
} from "../../../mod.ts";
import { classDiagram } from "../../../src/mermaid/mod.ts";
import { saga, stepFallback } from "../../../src/saga/mod.ts";
import { emptySaga, linesOf } from "./support.ts";

type Asked = Message<"query">;

const undoable = { act: () => {}, compensate: () => {} };

Deno.test("classDiagram() draws a saga, its steps with what they can do, and how they belong together", () => {
  const Order = emptySaga()
    .step("reserve", { act: function reserveGoods() {}, compensate: () => {} })
    .step("notify", () => {});
  assert.equal(
    classDiagram(Order),
    `\
classDiagram
    direction LR

    class S["order"] {
        <<saga>>
        version: 1
        steps: 2
    }

    class S1["reserveGoods"] {
        <<step>>
        +act()
        +compensate()
        compensate: up to 3 attempts
    }

    class S2["notify"] {
        <<step>>
        +act()
    }

    S --> S1 : 1 reserve
    S --> S2 : 2 notify`,
  );
});

Deno.test("classDiagram() says how often and for how long a step is tried", () => {
  const Order = emptySaga().step("reserve", undoable, {
    retry: { maxAttempts: 5 },
    compensateRetry: { maxAttempts: 1 },
    timeoutMs: 500,
  });
  const lines = linesOf(classDiagram(Order));
  const first = lines.indexOf('class S1["reserve"] {');
  assert.deepEqual(lines.slice(first + 2, lines.indexOf("}", first)), [
    "+act()",
    "+compensate()",
    "act: up to 5 attempts",
    "timeout: 500 ms",
  ]);
});

Deno.test("classDiagram() draws fallbacks beside their primaries", () => {
  const breaker = circuitBreaker({ name: "courier" });
  const Order = emptySaga()
    .step("send", stepFallback(undoable, { act: function byPost() {} }))
    .step("confirm", stepFallback(undoable, undoable, { circuitBreaker: breaker }));
  const lines = linesOf(classDiagram(Order));
  const first = lines.indexOf('class F1["byPost"] {');
  assert.deepEqual(lines.slice(first + 1, first + 4), ["<<fallback>>", "+act()", "}"]);
  assert.deepEqual(lines.slice(-4), [
    "S --> S1 : 1 send",
    "S1 ..> F1 : fallback",
    "S --> S2 : 2 confirm",
    "S2 ..> F2 : fallback, circuit breaker",
  ]);
});

Deno.test("classDiagram() draws what a step waits for", () => {
  const Order = emptySaga().waitFor("payment", { signal: "paid", timeoutMs: 60_000 });
  const lines = linesOf(classDiagram(Order));
  const first = lines.indexOf('class S1["payment"] {');
  assert.deepEqual(lines.slice(first + 1, first + 5), [
    "<<wait>>",
    "signal: paid",
    "timeout: 1 min",
    "}",
  ]);
});

Deno.test("classDiagram() draws data whose schema tells its fields", () => {
  const context = z.object({ item: z.string(), note: z.string().optional() });
  const Order = saga("order", { version: 1, context })
    .step("reserve", undoable)
    .waitFor("payment", { signal: "paid", data: z.object({ cents: z.number() }) });
  const lines = linesOf(classDiagram(Order));
  const first = lines.indexOf('class D["context"] {');
  assert.deepEqual(lines.slice(first + 1, first + 5), [
    "<<data>>",
    "item: string",
    "note: string, optional",
    "}",
  ]);
  const second = lines.indexOf('class D2["paid"] {');
  assert.deepEqual(lines.slice(second + 1, second + 4), ["<<data>>", "cents: number", "}"]);
  assert.deepEqual(lines.slice(-4), [
    "S ..> D : starts with",
    "S --> S1 : 1 reserve",
    "S --> S2 : 2 payment",
    "S2 ..> D2 : brings",
  ]);
});

Deno.test("classDiagram() says that a saga has no steps", () => {
  assert.equal(
    classDiagram(emptySaga()),
    `\
classDiagram
    direction LR

    class S["order"] {
        <<saga>>
        version: 1
        steps: 0
    }

    note for S "No steps configured"`,
  );
});

Deno.test("classDiagram() draws a chain as its links, which follow each other", () => {
  const end = fallback<Asked, Context>(function live() {}, withRetry(function stored() {}));
  const links = chain<Asked, Context>(function byCard() {}, () => {}, { otherwise: end });
  assert.equal(
    classDiagram(links),
    `\
classDiagram
    class C["Chain"] {
        <<chain>>
        handlers: 4
    }

    class H1["byCard"] {
        <<link>>
        +handle()
    }

    class H2["link 2"] {
        <<link>>
        +handle()
    }

    class H3["live"] {
        <<default>>
        +handle()
    }

    class F1["stored"] {
        <<fallback>>
        +handle()
        up to 3 attempts
    }

    C --> H1 : first
    H1 --> H2 : next
    H2 --> H3 : otherwise
    H3 ..> F1 : fallback`,
  );
});

Deno.test("classDiagram() says that a chain has no handlers", () => {
  const empty: ChainHandler<Asked, Context> = {
    composite: "chain",
    links: [],
    defaultHandler: undefined,
  };
  assert.equal(
    classDiagram(empty),
    `\
classDiagram
    class C["Chain"] {
        <<chain>>
        handlers: 0
    }

    note for C "No handlers configured"`,
  );
});

Deno.test("classDiagram() cuts and escapes the names in it", () => {
  const lines = linesOf(classDiagram(emptySaga().step(`"${"a".repeat(40)}"`, undoable)));
  assert.ok(lines.includes(`class S1["#34;${"a".repeat(26)}..."] {`));
  assert.ok(lines.includes(`S --> S1 : 1 #34;${"a".repeat(26)}...`));
});
