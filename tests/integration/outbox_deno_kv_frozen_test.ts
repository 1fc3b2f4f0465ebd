import { systemClock } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay } from "@sluice/cqrs/outbox";
import assert from "node:assert/strict";
import { Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { startRelay } from "./outbox/relay_control.ts";

/** Everything that is in a database, but for relays, which come and go. */
async function contents(kv: Deno.Kv): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { key, versionstamp } of kv.list({ prefix: [] })) {
    if (!key.includes("hold")) all.push({ key, versionstamp });
  }
  return all;
}

Deno.test("a relay on KV that was frozen past its lease changes nothing that another has done", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/test.kv`;
  await using ledger = new Ledger();
  const kv = await Deno.openKv(path);
  const storage = denoKvStorage(kv);
  const keys = ["a", "b", "c"];
  for (let n = 0; n < 4; n++) await storage.outbox.store(keys.map((key) => Noted({ key, n })));
  // It is frozen while the broker has its messages and has not answered.
  const isAsked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  ledger.beforeAnswer = async () => {
    ledger.beforeAnswer = () => {};
    isAsked.resolve();
    await answer.promise;
  };
  await using frozen = startRelay({
    name: "frozen",
    database: path,
    ledger: ledger.url,
    batchSize: 100,
  });
  await isAsked.promise;
  frozen.kill("SIGSTOP");

  // Another sees that its lease has ended. It publishes, and one key waits after a refusal.
  const later = denoKvStorage(kv, {
    clock: { ...systemClock, now: () => Date.now() + 3_600_000 },
  });
  ledger.confirms = ({ key, relay }) => key !== "b" || relay === "frozen";
  const relay = outboxRelay({
    storage: later,
    broker: ledgerPublisher(ledger.url, "other"),
    retry: { backoff: () => 600_000 },
  });
  const report = await relay.tick({ budgetMs: 10_000 });
  assert.deepEqual(report, { hasMore: false, published: 8, failed: 1, deadLettered: 0 });
  const before = await contents(kv);
  assert.ok(before.length > 0);

  answer.resolve();
  frozen.kill("SIGCONT");
  await frozen.says("lease_lost");
  assert.equal(await frozen.ended, 0);
  assert.deepEqual(await contents(kv), before);

  ledger.confirms = () => true;
  const muchLater = denoKvStorage(kv, {
    clock: { ...systemClock, now: () => Date.now() + 7_200_000 },
  });
  const last = outboxRelay({ storage: muchLater, broker: ledgerPublisher(ledger.url, "last") });
  await last.tick({ budgetMs: 10_000 });
  assert.deepEqual(ledger.firsts().get("notes/b"), [0, 1, 2, 3]);
  assert.equal((await storage.outbox.statistics()).pending, 0);
  kv.close();
  await Deno.remove(folder, { recursive: true });
});
