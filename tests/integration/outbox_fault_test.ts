import { outboxRelay } from "@sluice/cqrs/outbox";
import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { systemClock } from "@sluice/cqrs";
import type { Storage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { killingKv, killingPostgres, type Step } from "./outbox/kill_points.ts";
import { Noted } from "./outbox/messages.ts";
import { postgresOutbox } from "./outbox/postgres_outbox.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const KEYS = ["a", "b", "c"];
const COUNT = 6;

/** The connection is lost at one place: before a call is made, or when its answer is on its way. */
function losingAt(place: number): Step {
  let count = 0;
  function pass(): void {
    if (++count === place) throw new Error(`The connection is lost at place ${place}`);
  }
  const step = async <R>(call: () => Promise<R>): Promise<R> => {
    pass();
    const result = await call();
    pass();
    return result;
  };
  return Object.defineProperty(step, "count", { get: () => count }) as Step;
}

/** Publishes everything with a relay whose calls go through `step`, and sees that nothing is missing. */
async function publishAll(storage: Storage, endWaits: () => Promise<void>): Promise<void> {
  const firsts = new Map<string | undefined, string[]>();
  let refusals = 1;
  const relay = outboxRelay({
    storage,
    broker: {
      publish(messages) {
        const isRefused = refusals-- === 1;
        return Promise.resolve(messages.map(({ key, body }) => {
          if (isRefused && key === "b") return { ok: false, error: new Error("Refused") };
          const text = new TextDecoder().decode(body);
          const seen = firsts.get(key) ?? [];
          firsts.set(key, seen);
          if (!seen.includes(text)) seen.push(text);
          return { ok: true };
        }));
      },
      keepsOrderOnFailure: true,
      async [Symbol.asyncDispose]() {},
    },
    batchSize: 5,
    retry: { maxAttempts: 9, backoff: () => 60_000 },
  });
  for (let round = 0; round < 40; round++) {
    await relay.tick({ budgetMs: 10_000 }).catch((error) => {
      assert.match(String(error), /The connection is lost/);
    });
    await endWaits();
  }
  const expected = (key: string) =>
    Array.from({ length: COUNT }, (_, n) => JSON.stringify({ key, n }));
  for (const key of KEYS) assert.deepEqual(firsts.get(key), expected(key), key);
}

Deno.test("a relay loses nothing and keeps order wherever its connection to Postgres is lost", async (t) => {
  await using outbox = await postgresOutbox(server);
  let isOver = false;
  for (let place = 1; !isOver; place++) {
    await t.step(`at place ${place}`, async () => {
      await outbox.pool.query(
        "truncate sluice_outbox, sluice_outbox_waiting, sluice_outbox_lane, sluice_outbox_dead",
      );
      for (let n = 0; n < COUNT; n++) {
        await outbox.storage.outbox.store(KEYS.map((key) => Noted({ key, n })));
      }
      const step = losingAt(place);
      const storage = postgresStorage(killingPostgres(fromPg(outbox.pool), step));
      await publishAll(storage, async () => {
        await outbox.endWaits();
        await outbox.expireLeases();
      });
      isOver = step.count < place;
      const { pending, deadLetters } = await outbox.storage.outbox.statistics();
      assert.deepEqual({ pending, deadLetters }, { pending: 0, deadLetters: 0 });
    });
  }
});

Deno.test("a relay loses nothing and keeps order wherever a call of Deno KV fails", async (t) => {
  let isOver = false;
  for (let place = 1; !isOver; place++) {
    await t.step(`at place ${place}`, async () => {
      using kv = await Deno.openKv(":memory:");
      let aheadMs = 0;
      const clock = { ...systemClock, now: () => Date.now() + aheadMs };
      const plain = denoKvStorage(kv, { clock });
      for (let n = 0; n < COUNT; n++) {
        await plain.outbox.store(KEYS.map((key) => Noted({ key, n })));
      }
      const step = losingAt(place);
      await publishAll(denoKvStorage(killingKv(kv, step), { clock }), () => {
        aheadMs += 600_000;
        return Promise.resolve();
      });
      isOver = step.count < place;
      const { pending, deadLetters } = await plain.outbox.statistics();
      assert.deepEqual({ pending, deadLetters }, { pending: 0, deadLetters: 0 });
    });
  }
});
