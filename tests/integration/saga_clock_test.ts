import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { interrupt } from "./saga/crash.ts";
import { EffectsLedger } from "./saga/effects_ledger.ts";
import { assertEnded, type Death, messagesOf } from "./saga/invariants.ts";
import { untilEnded } from "./saga/recovery.ts";
import { startSagas } from "./saga/saga_control.ts";
import { kvDatabase, postgresDatabase, type SagaDatabase } from "./saga/saga_database.ts";
import type { SagaTask } from "./saga/saga_process.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const LEASE_MS = 2_000;
const UNDO_DELAY_MS = 500;
const HOUR_MS = 3_600_000;

const COMPLETED = { status: "completed", done: ["reserve", "charge", "ship"] } as const;
const COMPENSATED = { status: "compensated", done: [] } as const;

/** Sagas whose owner has died, whose clock was wrong; one half turns back, and has to try that twice. */
const ids = Array.from({ length: 12 }, (_, n) => n % 2 === 0 ? `dead-${n}` : `dead-${n}-back`);
const turnsBack = (id: string) => id.endsWith("back");

function ledgerOfClocks(): EffectsLedger {
  const ledger = new EffectsLedger();
  ledger.refuses = ({ side, step, saga, attempt }) => {
    if (side === "compensate") return step === "charge" && attempt === 1 ? "Not yet" : undefined;
    return step === "ship" && turnsBack(saga) ? "Cannot ship" : undefined;
  };
  return ledger;
}

/**
 * Runs owners and recoveries with a right clock and with one that is off, until all sagas have ended. The
 * owners are kept so often before the second step returns that it takes longer than their lease.
 */
async function runAll(
  database: SagaDatabase,
  ledger: EffectsLedger,
  skewMs: number,
): Promise<readonly Death[]> {
  const { address, storage } = database;
  const name = "order";
  const start = (task: Pick<SagaTask, "process" | "role" | "sagas" | "clockSkewMs">) =>
    startSagas({
      ...task,
      plan: "order",
      database: address,
      ledger: ledger.url,
      leaseMs: LEASE_MS,
      undoDelayMs: UNDO_DELAY_MS,
      beats: task.role === "send" ? 4 : 0,
    });
  const clocks = [{ clock: "right", clockSkewMs: 0 }, { clock: "wrong", clockSkewMs: skewMs }];
  const deaths = await interrupt(database, ledger, {
    plan: "order",
    sagas: ids.map((id) => ({ name, id })),
    at: { side: "act", step: "charge" },
    clockSkewMs: skewMs,
  });
  const owners = clocks.map(({ clock, clockSkewMs }) =>
    start({ process: `${clock} owner`, role: "send", sagas: [{ name, id: clock }], clockSkewMs })
  );
  await ledger.until(({ calls }) =>
    clocks.every(({ clock }) => calls.some(({ saga, step }) => saga === clock && step === "charge"))
  );
  const workers = clocks.map(({ clock, clockSkewMs }) =>
    start({ process: clock, role: "work", sagas: [{ name, id: "" }], clockSkewMs })
  );
  await untilEnded(storage.sagas, ids);
  for (const owner of owners) {
    assert.equal((await owner.says("outcome")).status, "completed");
    assert.equal(await owner.ended, 0);
  }
  for (const worker of workers) {
    worker.kill("SIGINT");
    assert.equal(await worker.ended, 0);
  }
  for (const child of [...owners, ...workers]) await child[Symbol.asyncDispose]();
  return [...deaths.values()];
}

for (const hours of [1, -1]) {
  Deno.test(`a clock that is off by ${hours} h changes nothing on Postgres`, async () => {
    await using database = await postgresDatabase(server);
    await using ledger = ledgerOfClocks();
    const deaths = await runAll(database, ledger, hours * HOUR_MS);
    const { storage } = database;
    const messages = await messagesOf(storage);
    for (const [n, id] of ids.entries()) {
      const ending = turnsBack(id) ? COMPENSATED : COMPLETED;
      const death = deaths[n] as Death;
      await assertEnded(id, { storage, ledger, ending, deaths: [death], messages });
      if (turnsBack(id)) assertDelayed(ledger, id);
    }
    assert.deepEqual(ledger.overlaps, []);
    // Both recoveries have had some, and neither has taken a saga from a live owner.
    const shares = new Set(ids.flatMap((id) => processesOf(ledger, id)));
    assert.deepEqual([...shares].sort(), ["dead", "right", "wrong"]);
    for (const id of ["right", "wrong"]) {
      await assertEnded(id, { storage, ledger, ending: COMPLETED, deaths: [], messages });
      assert.deepEqual(processesOf(ledger, id), [`${id} owner`]);
      assert.equal((await storage.sagas.load(id))?.record.revision, 4);
    }
  });

  Deno.test(`a clock that is off by ${hours} h loses nothing on KV`, async () => {
    await using database = await kvDatabase();
    await using ledger = ledgerOfClocks();
    await runAll(database, ledger, hours * HOUR_MS);
    const { storage } = database;
    const messages = await messagesOf(storage);
    for (const id of [...ids, "right", "wrong"]) {
      const ending = turnsBack(id) ? COMPENSATED : COMPLETED;
      await assertEnded(id, { storage, ledger, ending, deaths: undefined, messages });
    }
    // Where one clock is behind another, what it has leased is free for that.
    const [slow, fast] = hours > 0 ? ["right", "wrong"] : ["wrong", "right"];
    assert.deepEqual(processesOf(ledger, slow).sort(), [`${slow} owner`, fast].sort());
  });
}

function processesOf(ledger: EffectsLedger, saga: string): string[] {
  return [...new Set(ledger.callsOf(saga).map(({ process }) => process))];
}

/** Sees that a compensation was tried again when its time had come, and not before. */
function assertDelayed(ledger: EffectsLedger, id: string): void {
  const calls = ledger.callsOf(id).filter(({ side, step }) =>
    side === "compensate" && step === "charge"
  );
  const first = calls.find(({ phase, attempt }) => phase === "end" && attempt === 1);
  const second = calls.find(({ phase, attempt }) => phase === "begin" && attempt === 2);
  const waitedMs = (second?.at ?? 0) - (first?.at ?? Infinity);
  assert.ok(waitedMs >= UNDO_DELAY_MS - 5, `${waitedMs} ms`);
}
