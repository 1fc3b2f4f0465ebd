import assert from "node:assert/strict";
import { portions } from "../../examples/hash_files/page/frames.ts";

Deno.test("portions() lets other work run in between, however long a loop is", async () => {
  const { port1, port2 } = new MessageChannel();
  let hasRun = false;
  port1.onmessage = () => {
    hasRun = true;
    port1.close();
    port2.close();
  };
  port2.postMessage(undefined);
  const portion = portions();
  const startMs = performance.now();
  while (!hasRun) {
    assert.ok(performance.now() - startMs < 5_000, "Nothing else has run for 5 s");
    await portion();
  }
});
