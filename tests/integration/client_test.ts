import assert from "node:assert/strict";
import { sendRequest } from "../../src/client/mod.ts";
import { clientClaims, readCut } from "./client/claims.ts";
import { itemsTo, ReadStarts } from "./client/messages.ts";
import { startClientServer } from "./client/server.ts";

Deno.test("the claims of the client hold on Deno", async () => {
  await using server = startClientServer();
  assert.ok(await clientClaims(server.url) > 0);
});

Deno.test("streamItems() gives every item of a real run once, wherever its connection is cut", async () => {
  await using server = startClientServer();
  const name = crypto.randomUUID();
  let starts = 0;
  for (let isCut = true; isCut; starts++) {
    const { items, connections } = await readCut(server.url, starts, { name, to: 4 });
    assert.deepEqual(items, itemsTo(4), `cut after ${starts} bytes`);
    isCut = connections > 1;
  }
  assert.ok(starts > 400, `${starts} bytes`);
  assert.equal(await sendRequest(`${server.url}/starts`, ReadStarts({ name })), starts);
});
