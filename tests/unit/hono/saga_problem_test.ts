import assert from "node:assert/strict";
import { problemOfHandling } from "../../../src/hono/problem.ts";
import { SagaBusyError, SagaFailedError, SagaIdError } from "../../../src/saga/mod.ts";

type Outcome = SagaFailedError["outcome"];

const outcome: Outcome = {
  id: "s1",
  name: "order",
  version: 1,
  status: "compensated",
  parkedReason: undefined,
  context: {},
  error: "secret",
  steps: [],
};

Deno.test("problemOfHandling() answers 409 where a saga is undone, and 500 where somebody has to look at it", () => {
  const cases: ReadonlyArray<readonly [Partial<Outcome>, number, string]> = [
    [{}, 409, "compensated"],
    [{ status: "failed" }, 500, "failed"],
    [{ status: "running", parkedReason: "secret" }, 500, "parked"],
    [{ status: "compensating", parkedReason: "secret" }, 500, "parked"],
  ];
  for (const [change, status, ofSaga] of cases) {
    const problem = problemOfHandling(new SagaFailedError({ ...outcome, ...change }));
    assert.equal(problem.status, status);
    assert.equal(problem.code, "saga_failed");
    assert.deepEqual(problem.saga, { id: "s1", status: ofSaga });
    assert.doesNotMatch(JSON.stringify(problem), /secret/);
  }
});

Deno.test("problemOfHandling() answers 409 where a saga is another one, and tells nothing of other errors of sagas", () => {
  assert.equal(problemOfHandling(new SagaIdError("s1", "order", "payment")).code, "saga_id");
  assert.equal(problemOfHandling(new SagaIdError("s1", "order", "payment")).status, 409);
  assert.equal(problemOfHandling(new SagaBusyError("s1", 5)).code, "internal");
});
