import assert from "node:assert/strict";
import { stateDiagram } from "../../../src/mermaid/mod.ts";
import { stepFallback } from "../../../src/saga/mod.ts";
import { between, emptySaga, linesOf } from "./support.ts";

const undoable = { act: () => {}, compensate: () => {} };

Deno.test("stateDiagram() draws the states of a saga with its steps in them, backwards where it turns back", () => {
  const Order = emptySaga().step("reserve", undoable).step("charge", undoable)
    .step("notify", () => {});
  assert.equal(
    stateDiagram(Order),
    `\
stateDiagram-v2
    [*] --> Running
    state Running {
        state "reserve" as S1
        state "charge" as S2
        state "notify" as S3
        [*] --> S1
        S1 --> S2
        S2 --> S3
        S3 --> [*]
    }
    state Compensating {
        state "charge" as C2
        state "reserve" as C1
        [*] --> C2
        C2 --> C1
        C1 --> [*]
    }
    Running --> Completed : all steps are done
    Running --> Compensating : a step has failed
    Compensating --> Compensated : all is undone
    Compensating --> Failed : something cannot be undone
    Failed --> Compensating : retryStep()
    Running --> Parked : it cannot go on
    Compensating --> Parked : it cannot go on
    Parked --> Running : resume()
    Parked --> Compensating : compensate()
    Completed --> [*]
    Compensated --> [*]
    Failed --> [*]`,
  );
});

Deno.test("stateDiagram() says that a saga has no steps", () => {
  assert.equal(
    stateDiagram(emptySaga()),
    `\
stateDiagram-v2
    [*] --> Running
    Running --> Completed
    Completed --> [*]
    note right of Running : No steps configured`,
  );
});

Deno.test("stateDiagram() lets a saga wait for a signal, and turn back without one", () => {
  const lines = linesOf(stateDiagram(emptySaga().waitFor("paid", { timeoutMs: 1_000 })));
  assert.deepEqual(lines.filter((line) => line.includes("Waiting")), [
    "Running --> Waiting : waits for a signal",
    "Waiting --> Running : the signal has come",
    "Waiting --> Compensating : no signal in time",
  ]);
});

Deno.test("stateDiagram() lets a saga that waits for ever turn back when it is told to", () => {
  const lines = linesOf(stateDiagram(emptySaga().waitFor("paid")));
  assert.ok(lines.includes("Waiting --> Compensating : compensate()"));
});

Deno.test("stateDiagram() draws a step with a fallback as one, undone by those that can be", () => {
  const Order = emptySaga().step("send", stepFallback(undoable, { act: function byPost() {} }));
  const lines = linesOf(stateDiagram(Order));
  assert.ok(lines.includes('state "send or byPost" as S1'));
  assert.ok(lines.includes('state "send" as C1'));
});

Deno.test("stateDiagram() draws no steps to undo where there are none", () => {
  const diagram = stateDiagram(emptySaga().step("notify", () => {}));
  assert.ok(!diagram.includes("state Compensating {"));
});

Deno.test("stateDiagram() draws ten steps, and counts more", () => {
  const ids = Array.from({ length: 11 }, (_, index) => `s${index + 1}`);
  const steps = (count: number) =>
    ids.slice(0, count).reduce(
      (order, id) => order.step(id, undoable) as typeof order,
      emptySaga(),
    );
  assert.equal(between(stateDiagram(steps(10)), "state Running {", "}").at(-1), "C1 --> [*]");
  const lines = linesOf(stateDiagram(steps(11)));
  assert.ok(!lines.includes("state Running {"));
  assert.equal(lines.at(-1), "note right of Running : 11 steps");
});
