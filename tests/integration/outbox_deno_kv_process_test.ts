import { systemClock } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { outboxRelay } from "@sluice/cqrs/outbox";
import assert from "node:assert/strict";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { startRelay } from "./outbox/relay_control.ts";
import { TextLineStream } from "./outbox/lines.ts";

const SECRET = "dGhpcyBpcyBhIHNlY3JldA";

/** A file of KV in a folder of its own. */
async function kvFile() {
  const folder = await Deno.makeTempDir();
  return {
    path: `${folder}/test.kv`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** An instance of the application. */
async function startInstance(path: string, ledger: Ledger, name: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--unstable-kv",
      "--allow-all",
      new URL("outbox/deploy_process.ts", import.meta.url).pathname,
      path,
      ledger.url,
      name,
      SECRET,
    ],
    env: { NO_PROXY: "127.0.0.1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const { value: url = "" } = await lines.read();
  return {
    url,
    async note(key: string): Promise<number | undefined> {
      try {
        const response = await fetch(`${url}/notes`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ key }),
        });
        return response.ok ? await response.json() : void await response.body?.cancel();
      } catch {
        return undefined; // it has ended
      }
    },
    async tick(): Promise<number> {
      const response = await fetch(`${url}/tick`, {
        method: "POST",
        headers: { authorization: `Bearer ${SECRET}` },
      });
      await response.body?.cancel();
      return response.status;
    },
    /** As Deno Deploy does: SIGINT, and SIGKILL five seconds later. */
    async end(): Promise<void> {
      child.kill("SIGINT");
      const kill = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await child.status;
      clearTimeout(kill);
      await lines.cancel();
    },
    async kill(): Promise<void> {
      child.kill("SIGKILL");
      await child.status;
      await lines.cancel();
    },
  };
}

Deno.test("instances as on Deno Deploy lose nothing, whenever they end", async () => {
  await using file = await kvFile();
  await using ledger = new Ledger();
  const keys = ["a", "b", "c"];
  let instances = [
    await startInstance(file.path, ledger, "1"),
    await startInstance(file.path, ledger, "2"),
  ];
  for (let round = 0; round < 3; round++) {
    const [first, second] = instances;
    assert.ok(first !== undefined && second !== undefined);
    const asked = keys.flatMap((key) =>
      Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? first : second).note(key))
    );
    await Promise.race(asked);
    // One ends in the middle of it: asked to first, and then without being asked.
    await (round === 1 ? first.kill() : first.end());
    await Promise.all(asked);
    instances = [second, await startInstance(file.path, ledger, `${round + 3}`)];
  }
  for (const instance of instances) await instance.end();

  // A cold instance, which only ticks, sees to what is left.
  const cold = await startInstance(file.path, ledger, "cold");
  using kv = await Deno.openKv(file.path);
  const storage = denoKvStorage(kv);
  while ((await storage.outbox.statistics()).pending > 0) assert.equal(await cold.tick(), 200);
  await cold.end();
  const counts = await Promise.all(keys.map((key) => kv.get<number>(["count", key])));
  const published = ledger.firsts();
  for (const [at, key] of keys.entries()) {
    const count = counts[at]?.value ?? 0;
    assert.ok(count > 0);
    assert.deepEqual(published.get(`notes/${key}`), Array.from({ length: count }, (_, n) => n));
  }
});

Deno.test("a relay on KV that is killed at any place loses nothing and breaks no order", async (t) => {
  const keys = ["a", "b", "c"];
  let isOver = false;
  for (let killAt = 1; !isOver; killAt++) {
    await t.step(`at place ${killAt}`, async () => {
      await using file = await kvFile();
      await using ledger = new Ledger();
      let refusals = 1;
      ledger.confirms = ({ key }) => key !== "b" || refusals-- <= 0;
      using kv = await Deno.openKv(file.path);
      const storage = denoKvStorage(kv);
      for (let n = 0; n < 8; n++) {
        await storage.outbox.store(keys.map((key) => Noted({ key, n })));
      }
      await using relay = startRelay({
        name: "killed",
        database: file.path,
        ledger: ledger.url,
        batchSize: 7,
        leaseMs: 1_000,
        retryDelayMs: 1,
        killAt,
      });
      const end = await relay.ended;
      isOver = end === 0;
      if (!isOver) assert.equal(end, "SIGKILL");
      // An hour later the lease of the dead has ended.
      const later = denoKvStorage(kv, {
        clock: { ...systemClock, now: () => Date.now() + 3_600_000 },
      });
      const drain = outboxRelay({
        storage: later,
        broker: ledgerPublisher(ledger.url, "drain"),
        batchSize: 7,
      });
      // Until the lease of the dead has ended, there is nothing to be had.
      while ((await storage.outbox.statistics()).pending > 0) {
        await drain.tick({ budgetMs: 10_000 });
      }
      assertComplete(ledger, keys, 8);
    });
  }
});

for (const hours of [1, -1]) {
  Deno.test(`a relay whose clock is off by ${hours} h loses nothing on KV`, async () => {
    await using file = await kvFile();
    await using ledger = new Ledger();
    using kv = await Deno.openKv(file.path);
    const storage = denoKvStorage(kv);
    const keys = ["a", "b", "c", "d"];
    const start = (name: string, clockSkewMs: number) =>
      startRelay({
        name,
        database: file.path,
        ledger: ledger.url,
        batchSize: 5,
        leaseMs: 1_000,
        isRunning: true,
        clockSkewMs,
      });
    await using right = start("right", 0);
    await using wrong = start("wrong", hours * 3_600_000);
    for (let n = 0; n < 25; n++) {
      for (const key of keys) await storage.outbox.store([Noted({ key, n })]);
    }
    await ledger.until(() => [...ledger.firsts().values()].flat().length === 100);
    for (const relay of [right, wrong]) {
      relay.kill("SIGINT");
      assert.equal(await relay.ended, 0);
    }
    assertComplete(ledger, keys, 25);
    assert.equal((await storage.outbox.statistics()).pending, 0);
  });
}
