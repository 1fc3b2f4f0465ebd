import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { EffectsLedger } from "./saga/effects_ledger.ts";
import { assertEnded, messagesOf } from "./saga/invariants.ts";
import { pause, recoveryOf } from "./saga/recovery.ts";
import { sagaApp } from "./saga/saga_app.ts";
import { openStorage } from "./saga/saga_database.ts";

// Its own, as it is restarted.
const server = await startPostgres({ isOwn: true });
Deno.test.afterAll(() => server.stop());

const RESTARTS = 3;
const WRITERS = 8;
/** How many sagas end between two restarts. */
const SHARE = 60;

const drivers = [
  { name: "pg", driver: "pg", groupCheckpoints: "when busy" },
  { name: "postgres.js", driver: "postgres.js", groupCheckpoints: false },
  { name: "pg, in groups", driver: "pg", groupCheckpoints: true },
] as const;

for (const { name, ...options } of drivers) {
  Deno.test(`sagas survive that the server crashes again and again under load, through ${name}`, async () => {
    await using database = await server.createDatabase();
    await using opened = await openStorage(database.url, options);
    const { storage } = opened;
    await storage.migrate();
    await using ledger = new EffectsLedger();
    ledger.refuses = ({ side, step, saga }) =>
      side === "act" && step === "ship" && saga.endsWith("back") ? "Cannot ship" : undefined;
    const settings = { plan: "order", name: "order", effects: ledger, storage } as const;
    const app = sagaApp({ ...settings, process: "owner", leaseMs: 2_000 });
    const other = sagaApp({ ...settings, process: "recovery", leaseMs: 2_000 });
    const recovering = recoveryOf(other).run({
      intervalMs: 20,
      backoff: () => 20,
      onError: () => {},
    });

    const end = new AbortController();
    const ids: string[] = [];
    const ended = new EventTarget();
    let settled = 0;
    /** Sends a saga until somebody knows what has become of it. */
    async function send(id: string): Promise<void> {
      for (;;) {
        try {
          await app.send(id);
          return;
        } catch (error) {
          if (Object(error).code === "saga_failed") return;
          await pause(20);
        }
      }
    }
    async function write(writer: number): Promise<void> {
      for (let n = 0; !end.signal.aborted; n++) {
        const id = `s${writer}-${n}${n % 2 === 0 ? "" : "-back"}`;
        ids.push(id);
        await send(id);
        settled++;
        ended.dispatchEvent(new Event("ended"));
      }
    }
    const until = async (count: number) => {
      while (settled < count) {
        await new Promise((resolve) => ended.addEventListener("ended", resolve, { once: true }));
      }
    };
    const writers = Array.from({ length: WRITERS }, (_, n) => write(n));
    for (let restart = 1; restart <= RESTARTS; restart++) {
      await until(restart * SHARE);
      await server.restart({ mode: "immediate" });
    }
    await until((RESTARTS + 1) * SHARE);
    end.abort();
    await Promise.all(writers);
    await recovering[Symbol.asyncDispose]();
    for (const each of [app, other]) await each[Symbol.asyncDispose]();

    assert.ok(ids.length >= (RESTARTS + 1) * SHARE);
    const messages = await messagesOf(storage);
    // Each crash may have taken the answer to what was written, so that an effect is asked for again.
    const deaths = Array.from({ length: RESTARTS }, () => ({ completed: [], calls: 0 }));
    for (const id of ids) {
      const ending = id.endsWith("back")
        ? { status: "compensated", done: [] } as const
        : { status: "completed", done: ["reserve", "charge", "ship"] } as const;
      await assertEnded(id, { storage, ledger, ending, deaths, messages });
    }
    assert.equal(messages.size, ids.length);
  });
}
