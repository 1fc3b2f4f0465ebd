import assert from "node:assert/strict";
import { sagaHealth, type SagaHealthOptions, SagaLagError } from "../../../src/saga/mod.ts";
import { fail, inTime, trio } from "./support.ts";

/** What comes of a check. */
async function check(
  { storage }: Pick<ReturnType<typeof trio>, "storage">,
  options?: SagaHealthOptions,
): Promise<string> {
  try {
    await sagaHealth(storage, options)();
    return "fine";
  } catch (error) {
    assert.ok(error instanceof SagaLagError);
    assert.equal(error.code, "saga_lag");
    return error.message;
  }
}

Deno.test("sagaHealth() puts up with a saga that is due for a minute, and with no longer", async () => {
  const made = trio();
  for await (const _item of made.app.stream(made.definition({ n: 1 }))) break;
  assert.equal(await check(made, { maxDueMs: 0 }), "fine");
  await made.clock.advance(60_000);
  assert.equal(await check(made), "fine");
  assert.match(await check(made, { maxDueMs: 59_999 }), /due for 60000 ms/);
  await made.clock.advance(1);
  assert.match(await check(made), /due for 60001 ms/);
  assert.equal(await check(made, { maxDueMs: Infinity }), "fine");
});

Deno.test("sagaHealth() puts up with any number of parked and of failed sagas, or with as many as it is told", async () => {
  const made = trio({ "act b": fail(new Error("No")), "undo a": fail(new Error("Not undone")) });
  await inTime(made.clock, made.app.send(made.definition({ n: 1 })).catch(() => {}));
  assert.equal(await check(made, { maxFailed: 1, maxParked: 0 }), "fine");
  assert.match(await check(made, { maxFailed: 0 }), /1 sagas have failed/);
  const lease = { owner: "o", leaseMs: 1_000 };
  const texts = { context: "{}", metadata: "{}" };
  const parked = { id: "p", name: "other", version: 1, status: "running", entries: [] } as const;
  await made.storage.sagas.create({ ...parked, ...texts }, lease);
  await made.storage.sagas.checkpoint("p", 1, { parkedReason: "For a test", leaseMs: 0 });
  assert.equal(await check(made, { maxParked: 1 }), "fine");
  assert.match(await check(made, { maxParked: 0 }), /1 are parked/);
  assert.equal(await check(made), "fine");
});
