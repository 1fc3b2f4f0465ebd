import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import type { TestProcess } from "./outbox/relay_control.ts";
import { interrupt } from "./saga/crash.ts";
import { EffectsLedger } from "./saga/effects_ledger.ts";
import { assertEnded, type Death, messagesOf } from "./saga/invariants.ts";
import { untilEnded } from "./saga/recovery.ts";
import { startSagas } from "./saga/saga_control.ts";
import { kvDatabase, postgresDatabase, type SagaDatabase } from "./saga/saga_database.ts";
import type { SagaTask } from "./saga/saga_process.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const databases = [
  { kind: "Postgres", open: () => postgresDatabase(server), groupCheckpoints: "when busy" },
  { kind: "Postgres in groups", open: () => postgresDatabase(server), groupCheckpoints: true },
  { kind: "KV", open: kvDatabase, groupCheckpoints: undefined },
] as const;

const SAGAS = 200;
const WORKERS = 4;
const LEASE_MS = 3_000;

/** Every third saga turns back. */
const turnsBack = (id: string) => id.endsWith("back");
const ids = Array.from({ length: SAGAS }, (_, n) => n % 3 === 0 ? `s${n}-back` : `s${n}`);

const COMPLETED = { status: "completed", done: ["reserve", "charge", "ship"] } as const;
const COMPENSATED = { status: "compensated", done: [] } as const;

/** Interrupts all sagas in the middle. */
async function interruptAll(
  database: SagaDatabase,
  ledger: EffectsLedger,
  groups: SagaTask["groupCheckpoints"],
) {
  ledger.refuses = ({ side, step, saga }) =>
    side === "act" && step === "ship" && turnsBack(saga) ? "Cannot ship" : undefined;
  const deaths = await interrupt(database, ledger, {
    plan: "order",
    sagas: ids.map((id) => ({ name: "order", id })),
    at: { side: "act", step: "charge" },
  });
  const start = (process: string, task: Pick<SagaTask, "role" | "beats">, id = "") =>
    startSagas({
      ...task,
      process,
      plan: "order",
      sagas: [{ name: "order", id }],
      database: database.address,
      ledger: ledger.url,
      leaseMs: LEASE_MS,
      groupCheckpoints: groups,
    });
  return { deaths, start };
}

/** Ends recoveries, which are to have done nothing wrong. */
async function stop(workers: readonly TestProcess[]): Promise<void> {
  for (const worker of workers) worker.kill("SIGINT");
  for (const worker of workers) {
    assert.equal(await worker.ended, 0);
    assert.deepEqual(
      worker.said.filter(({ event }) => event !== "started" && event !== "working"),
      [{ event: "ended" }],
    );
    await worker[Symbol.asyncDispose]();
  }
}

for (const { kind, open, groupCheckpoints } of databases) {
  Deno.test(`${WORKERS} recoveries on ${kind} never do a step twice at a time, and spare a live owner`, async () => {
    await using database = await open();
    await using ledger = new EffectsLedger();
    const { deaths, start } = await interruptAll(database, ledger, groupCheckpoints);
    // It is kept four times before its second step returns: that is longer than its lease.
    await using owner = start("owner", { role: "send", beats: 4 }, "live");
    await ledger.until(({ calls }) =>
      calls.some(({ step, saga }) => saga === "live" && step === "charge")
    );
    const workers = Array.from(
      { length: WORKERS },
      (_, n) => start(`worker ${n}`, { role: "work" }),
    );
    assert.equal((await owner.says("outcome")).status, "completed");
    assert.equal(await owner.ended, 0);
    const { storage } = database;
    await untilEnded(storage.sagas, ids);
    await stop(workers);

    assert.deepEqual(ledger.overlaps, []);
    const messages = await messagesOf(storage);
    const check = { storage, ledger, messages };
    for (const id of ids) {
      const ending = turnsBack(id) ? COMPENSATED : COMPLETED;
      await assertEnded(id, { ...check, ending, deaths: [deaths.get(id) as Death] });
    }
    await assertEnded("live", { ...check, ending: COMPLETED, deaths: [] });
    // Who claims a saga raises its revision: this one was created and written three times.
    assert.equal((await storage.sagas.load("live"))?.record.revision, 4);
    const processes = (saga: string) => new Set(ledger.callsOf(saga).map(({ process }) => process));
    assert.deepEqual([...processes("live")], ["owner"]);
    const shares = new Set(ids.flatMap((id) => [...processes(id)]));
    assert.equal(shares.size, WORKERS + 1, [...shares].join());
  });

  Deno.test(`recoveries on ${kind} that are killed and replaced bring all sagas to their end`, async () => {
    await using database = await open();
    await using ledger = new EffectsLedger();
    const { deaths, start } = await interruptAll(database, ledger, groupCheckpoints);
    const workers = [start("worker 0", { role: "work" }), start("worker 1", { role: "work" })];
    const kills = 4;
    for (let kill = 0; kill < kills; kill++) {
      const count = ledger.calls.length + 100;
      await ledger.until(({ calls }) => calls.length >= count);
      const worker = workers.shift();
      worker?.kill("SIGKILL");
      await worker?.ended;
      ledger.died(`worker ${kill}`);
      workers.push(start(`worker ${kill + 2}`, { role: "work" }));
    }
    const { storage } = database;
    await untilEnded(storage.sagas, ids);
    await stop(workers);

    assert.deepEqual(ledger.overlaps, []);
    const messages = await messagesOf(storage);
    const killed = Array.from({ length: kills }, () => ({ completed: [], calls: 0 }));
    for (const id of ids) {
      const ending = turnsBack(id) ? COMPENSATED : COMPLETED;
      const all = [deaths.get(id) as Death, ...killed];
      await assertEnded(id, { storage, ledger, messages, ending, deaths: all });
    }
  });
}
