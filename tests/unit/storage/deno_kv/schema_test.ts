import { SchemaVersionError } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { KEYS, messagesOf, openStorage } from "./support.ts";

Deno.test("migrate() writes down the version of the layout, once", async () => {
  using opened = await openStorage();
  const { storage, raw, calls } = opened;
  await Promise.all([storage, opened.other(), opened.other()].map((each) => each.migrate()));
  const { value, versionstamp } = await raw.get([...KEYS.schema]);
  assert.deepEqual(value, { version: 1, needs: 1 });
  const before = calls.commits.length;
  await storage.migrate();
  assert.equal(calls.commits.length, before);
  assert.equal((await raw.get([...KEYS.schema])).versionstamp, versionstamp);
});

Deno.test("migrate() goes on with a newer layout that it understands, and leaves it as it is", async () => {
  using opened = await openStorage();
  await opened.raw.set([...KEYS.schema], { version: 7, needs: 1 });
  await opened.storage.migrate();
  assert.deepEqual((await opened.raw.get([...KEYS.schema])).value, { version: 7, needs: 1 });
  await opened.storage.outbox.store(messagesOf("a1"));
});

Deno.test("migrate() refuses a newer layout that it does not understand", async () => {
  using opened = await openStorage();
  await opened.raw.set([...KEYS.schema], { version: 7, needs: 2 });
  await assert.rejects(opened.storage.migrate(), (error) => {
    assert.ok(error instanceof SchemaVersionError);
    assert.deepEqual([error.found, error.supported], [7, 1]);
    return true;
  });
  for (const value of [7, null, "1", {}]) {
    await opened.raw.set([...KEYS.schema], value);
    await assert.rejects(opened.storage.migrate(), { code: "schema_version" });
  }
});
