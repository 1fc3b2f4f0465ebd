import assert from "node:assert/strict";
import { circuitBreaker } from "../../../mod.ts";
import { sequenceDiagram } from "../../../src/mermaid/mod.ts";
import { stepFallback } from "../../../src/saga/mod.ts";
import { between, emptySaga, linesOf } from "./support.ts";

const undoable = { act: () => {}, compensate: () => {} };

const FAILURE = "Note over S: Failure & Compensation Flow";
const COMPENSATION = "Note over S: Compensation (reverse order)";
const COMPENSATED = "Note over S: Saga Compensated";

Deno.test("sequenceDiagram() draws how a saga completes, and how it turns back", () => {
  const Order = emptySaga().step("reserve", undoable).step("charge", undoable)
    .step("ship", undoable);
  assert.equal(
    sequenceDiagram(Order),
    `\
sequenceDiagram
    participant S as Saga order
    participant S1 as reserve
    participant S2 as charge
    participant S3 as ship

    Note over S: Successful Execution Flow
    S->>S1: act()
    S1-->>S: success
    S->>S2: act()
    S2-->>S: success
    S->>S3: act()
    S3-->>S: success
    Note over S: Saga Completed

    Note over S: Failure & Compensation Flow
    S->>S1: act()
    S1-->>S: success
    S->>S2: act()
    S2-->>S: success
    S->>S3: act()
    S3--xS: error

    Note over S: Compensation (reverse order)
    S->>S2: compensate()
    S2-->>S: success
    S->>S1: compensate()
    S1-->>S: success
    Note over S: Saga Compensated`,
  );
});

Deno.test("sequenceDiagram() says that the failure of a single step needs no compensation", () => {
  const diagram = sequenceDiagram(emptySaga().step("reserve", undoable));
  assert.deepEqual(between(diagram, FAILURE, COMPENSATED), [
    "S->>S1: act()",
    "S1--xS: error",
    "Note over S: No compensation needed",
  ]);
  assert.ok(!diagram.includes("compensate()"));
});

Deno.test("sequenceDiagram() says that a saga has no steps", () => {
  assert.equal(
    sequenceDiagram(emptySaga()),
    `\
sequenceDiagram
    participant S as Saga order
    Note over S: No steps configured`,
  );
});

Deno.test("sequenceDiagram() compensates no step that has no compensation", () => {
  const Order = emptySaga().step("reserve", undoable).step("notify", () => {})
    .step("ship", undoable);
  assert.deepEqual(between(sequenceDiagram(Order), COMPENSATION, COMPENSATED), [
    "Note over S2: Has no compensation",
    "S->>S1: compensate()",
    "S1-->>S: success",
  ]);
});

Deno.test("sequenceDiagram() gives a fallback a participant of its own", () => {
  const Order = emptySaga().step("reserve", undoable).step(
    "send",
    stepFallback({ act: function byCourier() {} }, { act: function byPost() {} }),
  );
  const diagram = sequenceDiagram(Order);
  const participants = linesOf(diagram).filter((line) => line.startsWith("participant"));
  assert.deepEqual(participants, [
    "participant S as Saga order",
    "participant S1 as reserve",
    "participant S2 as byCourier",
    "participant F2 as byPost",
  ]);
  assert.deepEqual(between(diagram, "S1-->>S: success", "Note over S: Saga Completed"), [
    "S->>S2: act()",
    "alt success",
    "S2-->>S: success",
    "else error",
    "S2--xS: error",
    "Note over S: Fallback triggered",
    "S->>F2: act()",
    "F2-->>S: success",
    "end",
  ]);
});

Deno.test("sequenceDiagram() lets a last step fail together with its fallback", () => {
  const Order = emptySaga().step("send", stepFallback(undoable, undoable));
  assert.deepEqual(between(sequenceDiagram(Order), FAILURE, COMPENSATED), [
    "S->>S1: act()",
    "S1--xS: error",
    "Note over S: Fallback triggered",
    "S->>F1: act()",
    "F1--xS: error",
    "Note over S: No compensation needed",
  ]);
});

Deno.test("sequenceDiagram() compensates the one of a fallback that has acted", () => {
  const Order = emptySaga()
    .step("send", stepFallback(undoable, { act: function byPost() {} }))
    .step("confirm", () => {});
  assert.deepEqual(between(sequenceDiagram(Order), COMPENSATION, COMPENSATED), [
    "alt send has acted",
    "S->>S1: compensate()",
    "S1-->>S: success",
    "else byPost has acted",
    "Note over F1: Has no compensation",
    "end",
  ]);
});

Deno.test("sequenceDiagram() tells of the circuit breaker of a fallback", () => {
  const breaker = circuitBreaker({ name: "courier" });
  const Order = emptySaga()
    .step("send", stepFallback(undoable, undoable, { circuitBreaker: breaker }));
  assert.ok(linesOf(sequenceDiagram(Order)).includes("else error, or the circuit is open"));
});

Deno.test("sequenceDiagram() names a fallback without a name after its step", () => {
  const Order = emptySaga().step("send", stepFallback({ act() {} }, { act() {} }));
  assert.ok(linesOf(sequenceDiagram(Order)).includes("participant F1 as fallback of send"));
});

Deno.test("sequenceDiagram() lets a step that waits send its signal", () => {
  const Order = emptySaga()
    .waitFor("payment", { signal: "paid", timeoutMs: 90_000 })
    .step("ship", undoable);
  const diagram = sequenceDiagram(Order);
  assert.deepEqual(linesOf(diagram).slice(2, 9), [
    "participant S1 as payment",
    "participant S2 as ship",
    "",
    "Note over S: Successful Execution Flow",
    "Note over S: Waits for signal paid, at most 90 s",
    "S1-)S: signal paid",
    "S->>S2: act()",
  ]);
  assert.ok(diagram.includes("Note over S: No compensation needed"));
});

Deno.test("sequenceDiagram() turns back when the last step waits in vain", () => {
  const diagram = sequenceDiagram(emptySaga().waitFor("paid", { timeoutMs: 1_000 }));
  assert.deepEqual(between(diagram, FAILURE, COMPENSATED), [
    "Note over S: Waits for signal paid, at most 1 s",
    "Note over S: The signal does not come in time",
    "Note over S: No compensation needed",
  ]);
});

Deno.test("sequenceDiagram() turns back from a last step that waits for ever when it is told to", () => {
  const diagram = sequenceDiagram(emptySaga().waitFor("paid"));
  assert.deepEqual(between(diagram, FAILURE, COMPENSATED), [
    "Note over S: Waits for signal paid",
    "Note over S: It is told to turn back",
    "Note over S: No compensation needed",
  ]);
});

Deno.test("sequenceDiagram() says how often an act is tried", () => {
  const Order = emptySaga().step("reserve", undoable, { retry: { maxAttempts: 5 } });
  assert.ok(linesOf(sequenceDiagram(Order)).includes("S->>S1: act(), up to 5 attempts"));
});

Deno.test("sequenceDiagram() names steps after their classes and functions", () => {
  class ReserveGoods {
    act() {}
  }
  const Order = emptySaga().step("reserve", ReserveGoods).step(
    "confirm",
    function confirmByMail() {},
  );
  assert.deepEqual(linesOf(sequenceDiagram(Order)).slice(2, 4), [
    "participant S1 as ReserveGoods",
    "participant S2 as confirmByMail",
  ]);
});

Deno.test("sequenceDiagram() keeps steps apart whose names are the same once they are cut", () => {
  const long = "a".repeat(40);
  const Order = emptySaga().step(`${long}1`, undoable).step(`${long}2`, undoable);
  assert.deepEqual(linesOf(sequenceDiagram(Order)).slice(2, 4), [
    `participant S1 as ${"a".repeat(27)}...`,
    `participant S2 as ${"a".repeat(27)}...`,
  ]);
});

Deno.test("sequenceDiagram() writes its title so that it is one whatever is in it", () => {
  const lines = sequenceDiagram(emptySaga(), { title: 'The "order":\n# 1' }).split("\n");
  assert.deepEqual(lines.slice(0, 4), [
    "---",
    'title: "The \\"order\\": # 1"',
    "---",
    "sequenceDiagram",
  ]);
});
