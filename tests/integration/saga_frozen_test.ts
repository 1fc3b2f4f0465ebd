import type { Storage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import type { EffectsLedger, StepCall } from "./saga/effects_ledger.ts";
import { assertEnded, messagesOf } from "./saga/invariants.ts";
import { recover } from "./saga/recovery.ts";
import { type Plan, sagaApp } from "./saga/saga_app.ts";
import { startSagas } from "./saga/saga_control.ts";
import {
  kvDatabase,
  openStorage,
  postgresDatabase,
  type SagaDatabase,
} from "./saga/saga_database.ts";
import type { SagaTask } from "./saga/saga_process.ts";
import { ledgerOf, stories, type Story } from "./saga/stories.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const databases = { Postgres: () => postgresDatabase(server), KV: kvDatabase };

/**
 * The owner has not kept its saga yet when it is frozen, so it writes nothing at that time. With the short one
 * it is to keep it when it goes on, with the long one it has to find out when it writes.
 */
const LEASES_MS = [2_000, 60_000];

/** Where an owner is frozen, and what becomes of the effect that it has when it goes on. */
const cases = [
  {
    title: "between the effect of an act and its return",
    name: "an order",
    role: "send",
    at: { side: "act", step: "charge", phase: "effect" },
    repeats: 1,
    late: 0,
  },
  {
    title: "before the effect of an act that another one has undone",
    name: "an order that turns back",
    role: "send",
    at: { side: "act", step: "charge", phase: "begin" },
    repeats: 0,
    late: 1,
  },
  {
    title: "before the effect of an act that another one has had",
    name: "a delivery by a fallback",
    role: "stream",
    at: { side: "act", step: "announce", phase: "begin" },
    repeats: 1,
    late: 0,
  },
  {
    title: "between the effect of a compensation and its return",
    name: "an order that turns back",
    role: "stream",
    at: { side: "compensate", step: "reserve", phase: "effect" },
    repeats: 1,
    late: 0,
  },
] as const;

for (const [kind, open] of Object.entries(databases)) {
  const all = cases.flatMap((one) => LEASES_MS.map((leaseMs) => ({ ...one, leaseMs })));
  for (const { title, name, role, at, repeats, late, leaseMs } of all) {
    const lease = `a lease of ${leaseMs / 1_000} s`;
    Deno.test(`an owner on ${kind} with ${lease} that is frozen ${title} writes nothing when it goes on`, async () => {
      await using database = await open();
      const story: Story = stories[name];
      const ending = story.ending([]);
      await using ledger = ledgerOf(story);
      const held = hold(ledger, (call) => isAt(call, at));
      await using frozen = owner(database, ledger, { plan: story.plan, role, leaseMs });
      await held.isHeld;
      frozen.kill("SIGSTOP");
      const isLong = leaseMs > 10_000;
      await using later = isLong ? await database.expire() : await openStorage(database.address);
      await using app = other(later.storage, ledger, story.plan);
      await recover(app, later.storage.sagas, ["f"]);
      const { storage } = database;
      assert.equal((await storage.sagas.load("f"))?.record.status, ending.status);
      const before = await database.contents();
      const effects = effectsBy(ledger.callsOf("f"));

      held.release();
      frozen.kill("SIGCONT");
      assert.equal(await frozen.ended, 0);
      assert.deepEqual(await database.contents(), before);
      const outcome = await frozen.says("outcome");
      assert.equal(outcome.status, ending.status, JSON.stringify(outcome));
      assert.equal(outcome.code, ending.status === "completed" ? undefined : "saga_failed");
      if (isLong) await frozen.says("fenced");

      const calls = effectsBy(ledger.callsOf("f"));
      const isEarlier = at.phase === "effect"; // it had its effect before it was frozen
      assert.equal(calls.length - effects.length, isEarlier ? 0 : 1);
      assert.equal(calls.filter(({ refused }) => refused?.endsWith("was undone")).length, late);
      const keys = calls.filter(({ refused }) => refused === undefined)
        .map(({ side, key }) => `${side} ${key}`);
      assert.equal(keys.length - new Set(keys).size, repeats);
      ledger.late.length = 0;
      const messages = await messagesOf(storage);
      await assertEnded("f", { storage, ledger, ending, deaths: [FREEZE], messages });
    });
  }

  Deno.test(`an owner on ${kind} that was frozen writes nothing while another one does the same step`, async () => {
    await using database = await open();
    const story: Story = stories["an order"];
    await using ledger = ledgerOf(story);
    const isCharge = (call: StepCall) =>
      isAt(call, { side: "act", step: "charge", phase: "effect" });
    const held = hold(ledger, isCharge);
    await using frozen = owner(database, ledger, { plan: "order", role: "send", leaseMs: 60_000 });
    await held.isHeld;
    frozen.kill("SIGSTOP");
    await using later = await database.expire();
    await using app = other(later.storage, ledger, "order");
    const heldToo = hold(ledger, isCharge);
    const recovering = recover(app, later.storage.sagas, ["f"]);
    await heldToo.isHeld;
    const before = await database.contents();

    held.release();
    frozen.kill("SIGCONT");
    await frozen.says("fenced");
    assert.deepEqual(await database.contents(), before);
    heldToo.release();
    await recovering;
    assert.equal((await frozen.says("outcome")).status, "completed");
    assert.equal(await frozen.ended, 0);
    const { storage } = database;
    const messages = await messagesOf(storage);
    const ending = story.ending([]);
    await assertEnded("f", { storage, ledger, ending, deaths: [FREEZE], messages });
  });
}

/** To others, whoever is frozen has died. */
const FREEZE = { completed: [], calls: 0 };

function owner(
  { address }: SagaDatabase,
  { url }: EffectsLedger,
  task: Pick<SagaTask, "plan" | "role" | "leaseMs">,
) {
  const sagas = [{ name: "frozen", id: "f" }];
  return startSagas({ ...task, process: "frozen", database: address, ledger: url, sagas });
}

function other(storage: Storage, effects: EffectsLedger, plan: Plan) {
  return sagaApp({ plan, name: "frozen", process: "other", effects, storage, leaseMs: 30_000 });
}

/** Keeps the answer to the next such call. */
function hold(ledger: EffectsLedger, isIt: (call: StepCall) => boolean) {
  const isHeld = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  ledger.beforeAnswer = async (call) => {
    if (!isIt(call)) return;
    ledger.beforeAnswer = () => {};
    isHeld.resolve();
    await answer.promise;
  };
  return { isHeld: isHeld.promise, release: answer.resolve };
}

function isAt(call: StepCall, at: Pick<StepCall, "side" | "step" | "phase">): boolean {
  return call.side === at.side && call.step === at.step && call.phase === at.phase;
}

function effectsBy<C extends StepCall>(calls: readonly C[]): C[] {
  return calls.filter(({ phase }) => phase === "effect");
}
