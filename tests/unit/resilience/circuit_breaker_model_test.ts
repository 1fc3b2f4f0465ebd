import fc from "fast-check";
import assert from "node:assert/strict";
import { type CircuitBreaker, circuitBreaker } from "../../../src/resilience/circuit_breaker.ts";
import { CircuitOpenError } from "../../../src/resilience/circuit.ts";
import {
  type CircuitState,
  type CircuitStateStore,
  memoryCircuitStore,
} from "../../../src/resilience/circuit_store.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { slowCircuitStore } from "./slow_circuit_store.ts";

const THRESHOLD = 3;
const RESET_MS = 100;

type Ending = "success" | "failure" | "excluded" | "abort";

type Step =
  /** `count` calls begin at the same time. */
  | { readonly kind: "begin"; readonly count: number }
  /** The `count` calls that began first end at the same time in the same way. */
  | { readonly kind: "end"; readonly count: number; readonly ending: Ending }
  | { readonly kind: "advance"; readonly durationMs: number };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("begin" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constant("end" as const),
    count: fc.integer({ min: 1, max: 3 }),
    ending: fc.constantFrom<Ending>("success", "failure", "failure", "excluded", "abort"),
  }),
  fc.record({
    kind: fc.constant("advance" as const),
    durationMs: fc.constantFrom(1, 50, 99, 100, 250),
  }),
);

/** What the model remembers of a call in flight. */
interface ModelCall {
  readonly trial: number | undefined;
  readonly sawFailures: boolean;
}

/** What a circuit breaker does, as one would write it without stores, versions and races. */
class Model {
  state: CircuitState = { status: "closed", failures: 0 };
  readonly calls: ModelCall[] = [];
  /** The number of the trial that may decide. */
  #trial = 0;

  /** Returns how long the call is refused, 0 if it is let through. */
  begin(nowMs: number): number {
    if (this.state.status === "closed") {
      this.calls.push({ trial: undefined, sawFailures: this.state.failures > 0 });
      return 0;
    }
    if (nowMs < this.state.untilMs) return this.state.untilMs - nowMs;
    this.state = { status: "half_open", untilMs: nowMs + RESET_MS };
    this.calls.push({ trial: ++this.#trial, sawFailures: false });
    return 0;
  }

  end({ trial, sawFailures }: ModelCall, ending: Ending, nowMs: number): void {
    const open: CircuitState = { status: "open", untilMs: nowMs + RESET_MS };
    if (trial !== undefined) {
      if (trial !== this.#trial) return;
      if (ending === "failure") this.state = open;
      else if (ending === "abort") this.state = { status: "half_open", untilMs: 0 };
      else this.state = { status: "closed", failures: 0 };
    } else if (this.state.status === "closed") {
      if (ending === "failure") {
        const failures = this.state.failures + 1;
        this.state = failures < THRESHOLD ? { status: "closed", failures } : open;
      } else if (ending !== "abort" && sawFailures) {
        this.state = { status: "closed", failures: 0 };
      }
    }
  }
}

/** A call that was let through, and its end as the caller sees it. */
interface RealCall {
  readonly result: Promise<unknown>;
  end(ending: Ending): unknown;
}

class ExcludedError extends Error {}

/** Begins a call; resolves to what the caller gets, be it a value or an error. */
function begin(breaker: CircuitBreaker, admitted: RealCall[]): Promise<unknown> {
  const gate = Promise.withResolvers<string>();
  const controller = new AbortController();
  const { promise: result, resolve } = Promise.withResolvers<unknown>();
  const end = (ending: Ending) => {
    if (ending === "abort") controller.abort();
    if (ending === "success") {
      gate.resolve("answer");
      return "answer";
    }
    const error = ending === "excluded" ? new ExcludedError() : new Error(ending);
    gate.reject(error);
    return error;
  };
  const run = () => {
    admitted.push({ result, end });
    return gate.promise;
  };
  breaker.call(run, { signal: controller.signal }).then(resolve, resolve);
  return result;
}

async function compare(store: CircuitStateStore, steps: readonly Step[]): Promise<void> {
  const clock = new ManualClock();
  const model = new Model();
  const statuses = ["closed"];
  const breaker = circuitBreaker({
    name: "model",
    failureThreshold: THRESHOLD,
    resetTimeoutMs: RESET_MS,
    isFailure: (error) => !(error instanceof ExcludedError),
    store,
    clock,
    onStateChange: ({ from, to }) => {
      assert.equal(from, statuses.at(-1));
      statuses.push(to);
    },
  });
  const admitted: RealCall[] = [];
  for (const step of steps) {
    if (step.kind === "advance") await clock.advance(step.durationMs);
    if (step.kind === "begin") {
      const expected = Array.from({ length: step.count }, () => model.begin(clock.now()));
      const refusals: number[] = [];
      for (let call = 0; call < step.count; call++) {
        void begin(breaker, admitted).then((error) => {
          if (error instanceof CircuitOpenError) refusals.push(error.retryAfterMs);
        });
      }
      await clock.advance(0);
      assert.deepEqual(refusals, expected.filter((retryAfterMs) => retryAfterMs > 0));
    }
    if (step.kind === "end") {
      for (const call of model.calls.splice(0, step.count)) {
        model.end(call, step.ending, clock.now());
      }
      const ended = admitted.splice(0, step.count);
      const expected = ended.map((call) => call.end(step.ending));
      const outcomes = await Promise.all(ended.map((call) => call.result));
      outcomes.forEach((outcome, index) => assert.equal(outcome, expected[index]));
    }
    const { state } = await store.load("model") ?? { state: { status: "closed", failures: 0 } };
    assert.deepEqual(state, model.state);
    assert.equal(statuses.at(-1), model.state.status);
    assert.equal(admitted.length, model.calls.length);
  }
  await Promise.all(admitted.map((call) => (call.end("abort"), call.result)));
}

for (
  const [kind, newStore] of [["memory", memoryCircuitStore], ["shared", slowCircuitStore]] as const
) {
  Deno.test(`circuitBreaker() does what its model does, whatever happens (${kind} store)`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepArbitrary, { maxLength: 60, size: "max" }),
        (steps) => compare(newStore(), steps),
      ),
      { numRuns: 300 },
    );
  });
}
