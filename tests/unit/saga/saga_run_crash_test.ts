import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, sagaRecovery, type StepContext } from "../../../src/saga/mod.ts";
import type { SagaStore } from "../../../src/storage/mod.ts";
import { inTime, logOf, workshop } from "./support.ts";

const never = new Promise<never>(() => {});

/** A process that dies at a moment: what it asks for from then on is never done. */
class Mortal {
  readonly #lastMoment: number;
  moments = 0;

  constructor(lastMoment: number) {
    this.#lastMoment = lastMoment;
  }

  get isDead(): boolean {
    return this.moments >= this.#lastMoment;
  }

  async moment(): Promise<void> {
    if (this.isDead || ++this.moments === this.#lastMoment) await never;
  }

  store(store: SagaStore): SagaStore {
    return new Proxy(store, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          await this.moment();
          const result = await value.apply(target, args);
          await this.moment();
          return result;
        };
      },
    });
  }
}

/** Lets a process die at a moment, and others recover what it has left. */
async function deathAt(lastMoment: number, fails: boolean) {
  const { clock, storage, options } = workshop();
  const mortal = new Mortal(lastMoment);
  const done = new Map<string, number>();
  const undone = new Set<string>();
  const wrong: string[] = [];
  const registryOf = (moment: () => Promise<void>) => {
    const side = {
      act: async (_data: object, { idempotencyKey, step }: StepContext) => {
        await moment();
        if (undone.has(idempotencyKey)) wrong.push(`act of ${step} after its compensation`);
        if (step === "c" && fails) throw new Error("No");
        done.set(idempotencyKey, (done.get(idempotencyKey) ?? 0) + 1);
        await moment();
      },
      compensate: async (_data: object, { idempotencyKey }: StepContext) => {
        await moment();
        undone.add(idempotencyKey);
        await moment();
      },
    };
    return handlers().saga(
      saga("three", { version: 1, context: type<object>() })
        .step("a", side).step("b", side).step("c", side),
    );
  };
  const Three = saga("three", { version: 1, context: type<object>() })
    .step("a", () => {}).step("b", () => {}).step("c", () => {});
  const first = bootstrap(registryOf(() => mortal.moment()), {
    ...options,
    storage: { outbox: storage.outbox, sagas: mortal.store(storage.sagas) },
  });
  const sent = first.send(Three({}, { id: "s" }) as never).then(() => true, () => true);
  for (let n = 0; n < 200 && !mortal.isDead; n++) {
    const hasEnded = await Promise.race([sent, clock.advance(0)]);
    if (hasEnded === true) break;
  }
  const second = bootstrap(registryOf(() => Promise.resolve()), options);
  await clock.advance(31_000);
  const reports = [];
  for (let n = 0; n < 3; n++) {
    const tick = sagaRecovery(second).tick({ budgetMs: 1_000 });
    reports.push(await inTime(clock, tick, 500));
  }
  return {
    isDead: mortal.isDead,
    outcome: await second.sagas.get("s"),
    done,
    undone,
    wrong,
    log: await logOf(second, "s").catch(() => []),
    reports,
  };
}

for (const fails of [false, true]) {
  const goal = fails ? "compensated" : "completed";
  Deno.test(`a saga is ${goal} in one recovery, and each step done once or undone, wherever its process dies`, async () => {
    let moment = 1;
    for (;; moment++) {
      const { isDead, outcome, done, undone, wrong, log } = await deathAt(moment, fails);
      if (!isDead) break;
      const where = `moment ${moment}: ${log.join(", ")}`;
      if (outcome === undefined) {
        assert.equal(moment, 1, where);
        continue;
      }
      assert.equal(outcome.status, goal, where);
      assert.deepEqual(wrong, [], where);
      // Only the step at hand may have been done before.
      assert.ok([...done.values()].filter((count) => count > 1).length <= 1, where);
      if (fails) {
        for (const key of done.keys()) assert.ok(undone.has(key), `${key} at ${where}`);
      } else {assert.deepEqual(
          [[...done.keys()], [...undone]],
          [["s/a", "s/b", "s/c"], []],
          where,
        );}
    }
    assert.ok(moment > 12, String(moment));
  });
}
