/**
 * A writer in a process of its own. Each of its transactions counts a key up, which others count up
 * too, and stores messages that tell so.
 *
 * @module
 */

import { retryAsync, retryPolicy } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { Noted } from "./messages.ts";

const [path = "", keys = "", count = "0"] = Deno.args;

const kv = await Deno.openKv(path);
const storage = denoKvStorage(kv);
const policy = retryPolicy({
  maxAttempts: 200,
  backoff: { initialDelayMs: 1, maxDelayMs: 50 },
  when: (error) => Object(error).code === "concurrency",
});
let conflicts = 0;
for (let round = 0; round < Number(count); round++) {
  for (const key of keys.split(",")) {
    const write = () =>
      storage.transaction(async (tx) => {
        const { value } = await tx.client.get<number>(["count", key]);
        const n = value ?? 0;
        tx.client.set(["count", key], n + 1);
        await storage.outbox.append(tx, [Noted({ key, n })]);
      });
    await retryAsync(write, policy, { onRetry: () => conflicts++ });
  }
}
kv.close();
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ conflicts })));
