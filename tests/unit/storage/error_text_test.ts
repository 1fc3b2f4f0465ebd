import assert from "node:assert/strict";
import { errorText } from "../../../src/storage/error_text.ts";

Deno.test("errorText() names an error and its causes", () => {
  const error = new RangeError("No", { cause: new Error("Why", { cause: "so" }) });
  assert.equal(errorText(error), "RangeError: No; caused by Error: Why; caused by so");
});

Deno.test("errorText() takes whatever is thrown, and not all of it", () => {
  const circle = new Error("round");
  circle.cause = circle;
  assert.equal(errorText(circle), "Error: round");
  assert.equal(errorText(null), "null");
  assert.equal(errorText(undefined), "");
  assert.equal(errorText(Object.create(null)), "something that has no text");
  assert.equal(errorText("x".repeat(5_000)).length, 2_000);
});
