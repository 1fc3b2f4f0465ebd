import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay } from "@sluice/cqrs/outbox";
import assert from "node:assert/strict";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { startRelay } from "./outbox/relay_control.ts";

/** A file of KV in a folder of its own. */
async function kvFile() {
  const folder = await Deno.makeTempDir();
  return {
    path: `${folder}/test.kv`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Runs a writer in a process of its own. */
async function runWriter(path: string, keys: readonly string[], count: number): Promise<number> {
  const program = new URL("outbox/kv_writer_process.ts", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", program, path, `${keys}`, `${count}`],
    stdin: "null",
    stderr: "inherit",
  }).output();
  assert.ok(success);
  return JSON.parse(new TextDecoder().decode(stdout)).conflicts;
}

Deno.test("50 writers of one key at the same time leave no gap and no duplicate on KV", async () => {
  await using file = await kvFile();
  await using ledger = new Ledger();
  using kv = await Deno.openKv(file.path);
  const storage = denoKvStorage(kv);
  await Promise.all(
    Array.from({ length: 50 }, (_, n) => storage.outbox.store([Noted({ key: "a", n })])),
  );
  // What is stored after that comes behind all of them.
  await storage.outbox.store([Noted({ key: "a", n: 50 })]);
  const relay = outboxRelay({ storage, broker: ledgerPublisher(ledger.url, "relay") });
  assert.equal((await relay.tick({ budgetMs: 60_000 })).published, 51);
  const numbers = ledger.entries.map(({ n }) => n);
  assert.equal(numbers.at(-1), 50);
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 51 }, (_, n) => n));
});

Deno.test("writers and relays in processes of their own share a KV file: nothing is lost, nothing out of order", async () => {
  await using file = await kvFile();
  await using ledger = new Ledger();
  using kv = await Deno.openKv(file.path);
  const storage = denoKvStorage(kv);
  await storage.migrate();
  const [keys, writers, count] = [["a", "b", "c"], 3, 15];
  const start = (name: string) =>
    startRelay({
      name,
      database: file.path,
      ledger: ledger.url,
      batchSize: 5,
      isRunning: true,
    });
  await using first = start("first");
  await using second = start("second");
  await Promise.all(Array.from({ length: writers }, () => runWriter(file.path, keys, count)));
  await ledger.until((entries) => entries.length >= keys.length * writers * count);
  for (const relay of [first, second]) {
    relay.kill("SIGINT");
    assert.equal(await relay.ended, 0);
    // While another process writes, the file is locked: that is waited out.
    assert.deepEqual(relay.said.filter(({ event }) => event === "failed"), []);
  }
  for (const key of keys) {
    assert.equal((await kv.get<number>(["count", key])).value, writers * count);
  }
  assertComplete(ledger, keys, writers * count);
  assert.equal(ledger.entries.length, keys.length * writers * count); // no lease was lost
  assert.equal((await storage.outbox.statistics()).pending, 0);
});
