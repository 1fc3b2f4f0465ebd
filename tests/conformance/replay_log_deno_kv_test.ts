import { systemClock } from "../../src/clock.ts";
import { Keys } from "../../src/storage/deno_kv/keys.ts";
import { KvDatabase } from "../../src/storage/deno_kv/kv_database.ts";
import { KvReplayExchange } from "../../src/storage/deno_kv/replay_exchange.ts";
import { testReplayLog } from "./replay_runner.ts";

function exchangeOn(kv: Deno.Kv): KvReplayExchange {
  const prefix = ["sluice"];
  return new KvReplayExchange(
    new KvDatabase(kv, new Keys(prefix), systemClock),
    prefix,
    systemClock,
  );
}

testReplayLog("denoKvStorage().replay in memory", async () => {
  const kv = await Deno.openKv(":memory:");
  return {
    exchange: () => exchangeOn(kv),
    [Symbol.asyncDispose]: () => Promise.resolve(kv.close()),
  };
});

testReplayLog("denoKvStorage().replay in a file", async () => {
  const folder = await Deno.makeTempDir();
  const opened: Deno.Kv[] = [];
  return {
    async exchange() {
      const kv = await Deno.openKv(`${folder}/test.kv`);
      opened.push(kv);
      return exchangeOn(kv);
    },
    async [Symbol.asyncDispose]() {
      for (const kv of opened) kv.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});
