import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { interrupt } from "./saga/crash.ts";
import { EffectsLedger } from "./saga/effects_ledger.ts";
import { assertEnded, messagesOf } from "./saga/invariants.ts";
import { untilEnded } from "./saga/recovery.ts";
import { startSagas } from "./saga/saga_control.ts";
import { kvDatabase, postgresDatabase } from "./saga/saga_database.ts";
import type { SagaTask } from "./saga/saga_process.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const databases = { Postgres: () => postgresDatabase(server), KV: kvDatabase };

const SAGAS = 200;
const WORKERS = 4;
const LEASE_MS = 3_000;

/** Every third saga turns back. */
const turnsBack = (id: string) => id.endsWith("back");
const ids = Array.from({ length: SAGAS }, (_, n) => n % 3 === 0 ? `s${n}-back` : `s${n}`);

for (const [kind, open] of Object.entries(databases)) {
  Deno.test(`${WORKERS} recoveries on ${kind} never do a step twice at a time, and spare a live owner`, async () => {
    await using database = await open();
    await using ledger = new EffectsLedger();
    ledger.refuses = ({ side, step, saga }) =>
      side === "act" && step === "ship" && turnsBack(saga) ? "Cannot ship" : undefined;
    const { storage, address } = database;
    const start = (task: Pick<SagaTask, "process" | "role" | "sagas"> & { beats?: number }) =>
      startSagas({
        ...task,
        plan: "order",
        database: address,
        ledger: ledger.url,
        leaseMs: LEASE_MS,
      });
    const deaths = await interrupt(database, ledger, {
      plan: "order",
      sagas: ids.map((id) => ({ name: "order", id })),
      at: { side: "act", step: "charge" },
    });

    const name = "order";
    // It is kept four times before its second step returns: that is longer than its lease.
    await using owner = start({
      process: "owner",
      role: "send",
      sagas: [{ name, id: "live" }],
      beats: 4,
    });
    await ledger.until(({ calls }) =>
      calls.some(({ step, saga }) => saga === "live" && step === "charge")
    );
    const workers = Array.from(
      { length: WORKERS },
      (_, n) => start({ process: `worker ${n}`, role: "work", sagas: [{ name, id: "" }] }),
    );
    const { status } = await owner.says("outcome");
    assert.equal(status, "completed");
    assert.equal(await owner.ended, 0);
    await untilEnded(storage.sagas, ids);
    for (const worker of workers) worker.kill("SIGINT");
    for (const worker of workers) {
      assert.equal(await worker.ended, 0);
      assert.deepEqual(worker.said.filter(({ event }) => event === "saga_left"), []);
    }

    assert.deepEqual(ledger.overlaps, []);
    const messages = await messagesOf(storage);
    const check = { storage, ledger, messages };
    const completed = { status: "completed", done: ["reserve", "charge", "ship"] } as const;
    const compensated = { status: "compensated", done: [] } as const;
    for (const id of ids) {
      const ending = turnsBack(id) ? compensated : completed;
      await assertEnded(id, {
        ...check,
        ending,
        deaths: [deaths.get(id)].filter((d) => d !== undefined),
      });
    }
    await assertEnded("live", { ...check, ending: completed, deaths: [] });
    // Who claims a saga raises its revision: this one was created and written three times.
    assert.equal((await storage.sagas.load("live"))?.record.revision, 4);
    const processes = (saga: string) => new Set(ledger.callsOf(saga).map(({ process }) => process));
    assert.deepEqual([...processes("live")], ["owner"]);
    const shares = new Set(ids.flatMap((id) => [...processes(id)]));
    assert.equal(shares.size, WORKERS + 1, [...shares].join());
    for (const worker of workers) await worker[Symbol.asyncDispose]();
  });
}
