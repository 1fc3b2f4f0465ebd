/**
 * Kills the process of a saga at each of its places.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { EffectsLedger, StepCall } from "./effects_ledger.ts";
import { assertEnded, type Death, deathOf, messagesOf } from "./invariants.ts";
import { pause, recover } from "./recovery.ts";
import { sagaApp } from "./saga_app.ts";
import { startSagas } from "./saga_control.ts";
import type { SagaDatabase } from "./saga_database.ts";
import type { SagaTask } from "./saga_process.ts";
import type { Story } from "./stories.ts";

/** So short that nobody waits for the dead; these have their sagas for themselves as long as they live. */
const LEASE_MS = 300;

/** A process that was killed, and the saga that it had. */
interface Killed {
  readonly name: string;
  readonly id: string;
  readonly place: string;
  readonly deaths: readonly Death[];
}

/** A database with a saga of its own for each process, so that each is gone on with by those who are to. */
export class Crash {
  readonly #database: SagaDatabase;
  readonly #ledger: EffectsLedger;
  readonly #story: Story;
  /** What was there before by the ids of sagas. */
  readonly #prepared: Map<string, Death> = new Map();
  readonly #killed: Killed[] = [];

  constructor(database: SagaDatabase, ledger: EffectsLedger, story: Story) {
    this.#database = database;
    this.#ledger = ledger;
    this.#story = story;
  }

  /** Interrupts so many sagas at an effect: they are gone on with by those who are killed. */
  async prepare(count: number, at: Interruption): Promise<void> {
    const sagas = Array.from({ length: count }, (_, n) => sagaAt(n + 1));
    const { plan } = this.#story;
    const deaths = await interrupt(this.#database, this.#ledger, { plan, sagas, at });
    for (const [id, death] of deaths) this.#prepared.set(id, death);
  }

  /** Runs a process for each place that it comes by, and kills it there. */
  async killEverywhere(
    role: SagaTask["role"],
    { keeps }: { readonly keeps: boolean },
  ): Promise<void> {
    let next = 1;
    let isOver = false;
    const lane = async () => {
      while (!isOver) {
        const killAt = next++;
        const death = await this.#kill({ ...sagaAt(killAt), role, killAt });
        isOver ||= death === undefined;
      }
    };
    await Promise.all([lane(), lane()]); // each waits most of the time
    for (const killAtKeep of keeps ? [1, 2] : []) {
      assert.ok(await this.#kill({ ...sagaAt(next++), role, killAtKeep }));
    }
    assert.ok(this.#prepared.size === 0 || next <= this.#prepared.size, "There are more places");
  }

  /** Goes on with all of them in this process, and sees that each has ended as it has to. */
  async assertRecovered(t: Deno.TestContext): Promise<void> {
    const { storage } = this.#database;
    const ledger = this.#ledger;
    const { plan } = this.#story;
    for (const { name, id } of this.#killed) {
      const leaseMs = 30_000;
      const app = sagaApp({ plan, name, process: "recovery", effects: ledger, storage, leaseMs });
      await recover(app, storage.sagas, [id]);
      await app[Symbol.asyncDispose]();
    }
    const messages = await messagesOf(storage);
    for (const { id, place, deaths } of this.#killed) {
      await t.step(`${id}, killed ${place}`, async () => {
        if (place === "before create" && !this.#prepared.has(id)) {
          assert.equal(await storage.sagas.load(id), undefined);
          assert.deepEqual(ledger.callsOf(id), []);
        } else {
          const ending = this.#story.ending(ledger.callsOf(id));
          await assertEnded(id, { storage, ledger, ending, deaths, messages });
        }
      });
    }
    assert.deepEqual(ledger.overlaps, []);
  }

  /** Sees that processes were killed before and after each of these. */
  assertPlaces(calls: readonly string[]): void {
    const places = new Set(this.#killed.map(({ place }) => place));
    for (const call of calls) {
      for (const side of ["before", "after"]) assert.ok(places.has(`${side} ${call}`), call);
    }
  }

  /** Resolves to where it was; `undefined` if it has come to its end. */
  async #kill(
    { name, id, ...task }: Pick<SagaTask, "role" | "killAt" | "killAtKeep"> & SagaTask["sagas"][0],
  ): Promise<string | undefined> {
    const process = `killed ${id}`;
    await using child = this.#start({ ...task, process, sagas: [{ name, id }], leaseMs: LEASE_MS });
    const end = await child.ended;
    this.#ledger.died(process);
    const deaths = [
      ...this.#prepared.get(id) === undefined ? [] : [this.#prepared.get(id) as Death],
    ];
    const dies = child.said.find(({ event }) => event === "dies");
    if (dies === undefined) assert.equal(end, 0);
    else {
      assert.equal(end, "SIGKILL");
      deaths.push(await deathOf(id, this.#database.storage, this.#ledger));
    }
    this.#killed.push({ name, id, place: String(dies?.place ?? "nowhere"), deaths });
    return dies && String(dies.place);
  }

  #start(task: Pick<SagaTask, "process" | "role" | "sagas" | "leaseMs" | "killAt" | "killAtKeep">) {
    return startSagas({
      ...task,
      plan: this.#story.plan,
      database: this.#database.address,
      ledger: this.#ledger.url,
      beats: 1,
    });
  }
}

function sagaAt(n: number) {
  return { name: `saga-${n}`, id: `s${n}` };
}

/** The effect at which sagas are interrupted. */
export interface Interruption extends Pick<StepCall, "side" | "step"> {
  /** @default {1} */
  readonly attempt?: number | undefined;
}

/**
 * Lets sagas come to an effect, and kills their process when they have had it and nobody was told. Resolves
 * when others may go on with them.
 */
export async function interrupt(
  { address, storage }: SagaDatabase,
  ledger: EffectsLedger,
  { at, ...task }: Pick<SagaTask, "plan" | "sagas" | "clockSkewMs" | "undoDelayMs"> & {
    readonly at: Interruption;
  },
): Promise<Map<string, Death>> {
  const { sagas } = task;
  const held = new Set<string>();
  const answer = Promise.withResolvers<void>();
  ledger.beforeAnswer = async ({ side, step, phase, attempt, saga }) => {
    const isIt = side === at.side && step === at.step && attempt === (at.attempt ?? 1);
    if (!isIt || phase !== "effect") return;
    held.add(saga);
    await answer.promise;
  };
  await using child = startSagas({
    ...task,
    process: "dead",
    role: "start",
    database: address,
    ledger: ledger.url,
    leaseMs: 1_000,
  });
  await ledger.until(() => held.size === sagas.length);
  child.kill("SIGKILL");
  await child.ended;
  ledger.died("dead");
  ledger.beforeAnswer = () => {};
  answer.resolve();
  const deaths = new Map<string, Death>();
  for (const { id } of sagas) deaths.set(id, await deathOf(id, storage, ledger));
  if (task.clockSkewMs !== undefined) return deaths; // it cannot be told for how long they are leased
  for (const { id } of sagas) {
    const leftMs = (await storage.sagas.load(id))?.record.leaseLeftMs ?? 0;
    if (leftMs > 0) await pause(leftMs);
  }
  return deaths;
}

/** The places around effects. */
export function effectsOf(side: StepCall["side"], steps: string): string[] {
  return steps.split(" ").map((step) => `the effect of ${side} ${step}`);
}
