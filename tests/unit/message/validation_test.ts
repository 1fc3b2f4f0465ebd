import assert from "node:assert/strict";
import { MessageValidationError, type ValidationIssue } from "../../../src/message/mod.ts";

const issue = (message: string, ...path: (string | number)[]): ValidationIssue => ({
  message,
  path,
});

for (
  const [description, issues, message] of [
    ["no issue", [], 'Cannot accept data of "join": invalid'],
    ["an issue of the whole", [issue("no object")], 'Cannot accept data of "join": no object'],
    [
      "an issue of one place",
      [issue("no string", "members", 0, "name")],
      'Cannot accept data of "join" at "members.0.name": no string',
    ],
    [
      "several issues",
      [issue("no string", "id"), issue("b", "b"), issue("c", "c")],
      'Cannot accept data of "join" at "id": no string and 2 more',
    ],
  ] as const
) {
  Deno.test(`a MessageValidationError describes ${description} in its message`, () => {
    const error = new MessageValidationError("join", issues);
    assert.equal(error.message, message);
    assert.equal(error.messageType, "join");
    assert.equal(error.issues, issues);
  });
}
