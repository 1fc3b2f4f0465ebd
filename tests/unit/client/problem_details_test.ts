import fc from "fast-check";
import assert from "node:assert/strict";
import { parseProblem } from "../../../src/client/problem_details.ts";

Deno.test("parseProblem() reads the members of RFC 9457 and others", () => {
  const problem = {
    type: "https://a.example/no-credit",
    title: "No credit",
    status: 403,
    detail: "The balance is 30",
    code: "no_credit",
    issues: [{ message: "Too short", path: ["name", 0] }],
    balance: 30,
  };
  assert.deepEqual(parseProblem(JSON.stringify(problem)), problem);
});

for (const text of ["", "<html>", "[]", '"text"', "7", "null", "{"]) {
  Deno.test(`parseProblem() reads nothing from ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseProblem(text), {});
  });
}

for (
  const [name, value] of [
    ["type", 1],
    ["title", null],
    ["status", "403"],
    ["detail", {}],
    ["code", 7],
    ["issues", {}],
    ["issues", [{ message: "No path" }]],
    ["issues", [{ path: [] }]],
    ["issues", [null]],
  ] as const
) {
  Deno.test(`parseProblem() leaves out "${name}" when it is ${JSON.stringify(value)}`, () => {
    assert.deepEqual(parseProblem(JSON.stringify({ [name]: value, other: 1 })), { other: 1 });
  });
}

Deno.test("parseProblem() gives members of the types that are stated, whatever it reads", () => {
  const names = fc.constantFrom("type", "title", "status", "detail", "code", "issues", "__proto__");
  fc.assert(
    fc.property(fc.dictionary(names, fc.jsonValue()), (value) => {
      const { title = "", status = 0, issues = [] } = parseProblem(JSON.stringify(value));
      assert.equal(typeof title, "string");
      assert.equal(typeof status, "number");
      for (const { message, path } of issues) {
        assert.equal(typeof message, "string");
        assert.ok(Array.isArray(path));
      }
    }),
  );
});
