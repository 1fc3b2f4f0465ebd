/**
 * Runs the program of `examples/saga_crash`, whose processes are killed, and compares all that it
 * prints.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runDeno } from "../architecture/repository.ts";

const expected = `\
A lamp is ordered, and its process dies in the middle of a step
  the bank has booked the charge, and the process is killed
  it ended by SIGKILL
  o1 is running
  charge of o1/charge: asked for 1, booked 1
  refund of o1/charge: asked for 0, booked 0
Another process goes on with it
  o1 is completed
  charge of o1/charge: asked for 2, booked 1
  refund of o1/charge: asked for 0, booked 0
A piano cannot be sent, and its process dies in the middle of undoing
  the bank has booked the refund, and the process is killed
  it ended by SIGKILL
  o2 is compensating
  charge of o2/charge: asked for 1, booked 1
  refund of o2/charge: asked for 1, booked 1
Another process goes on with it
  o2 is compensated
  charge of o2/charge: asked for 1, booked 1
  refund of o2/charge: asked for 2, booked 1
`;

Deno.test("the processes of examples/saga_crash are killed, and the money moves once", async () => {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-env",
    "--allow-read",
    "--allow-run",
    "--allow-write",
    "examples/saga_crash/main.ts",
  ]);
  assert.equal(stderr, "");
  assert.equal(stdout, expected);
  assert.equal(code, 0);
});
