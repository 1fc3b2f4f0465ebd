import assert from "node:assert/strict";
import { openStorage, sagaOf } from "./support.ts";

Deno.test("statistics() counts without reading a saga, up to where it is told to", async () => {
  using opened = await openStorage();
  const { sagas } = opened.storage;
  for (let n = 0; n < 12; n++) {
    await sagas.create(sagaOf(String(n)), { owner: "a", leaseMs: 30_000 });
  }
  opened.reset();
  assert.equal((await sagas.statistics()).running, 12);
  assert.equal((await sagas.statistics({ maxCount: 5 })).running, 5);
  assert.equal(opened.calls.gets, 2); // how many signals came too late
});
