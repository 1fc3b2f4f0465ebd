import assert from "node:assert/strict";
import { bootstrap, handlers, type } from "../../../mod.ts";
import { saga, SagaFailedError, sagaRecovery, type StepContext } from "../../../src/saga/mod.ts";
import type { SagaChange, SagaStore } from "../../../src/storage/mod.ts";
import { type Faults, faultyStore, type Method } from "./faulty_store.ts";
import { inTime, logOf, workshop } from "./support.ts";

/** What steps have really done, by their idempotency keys, as the services behind them know it. */
class Ledger {
  readonly acts: Map<string, number> = new Map();
  readonly done: Set<string> = new Set();
  readonly undone: Set<string> = new Set();
  readonly wrong: string[] = [];

  act({ idempotencyKey }: StepContext): void {
    if (this.undone.has(idempotencyKey)) this.wrong.push(`act after undo ${idempotencyKey}`);
    this.acts.set(idempotencyKey, (this.acts.get(idempotencyKey) ?? 0) + 1);
    this.done.add(idempotencyKey);
  }

  undo({ idempotencyKey }: StepContext): void {
    this.undone.add(idempotencyKey);
    this.done.delete(idempotencyKey);
  }
}

/** Runs a saga of three steps on a storage that fails, then recovers it on one that does not. */
async function disturbed(faults: Faults, fails: boolean) {
  const { clock, storage, options } = workshop();
  const ledger = new Ledger();
  const side = {
    act: (_data: object, context: StepContext) => ledger.act(context),
    compensate: (_data: object, context: StepContext) => ledger.undo(context),
  };
  const definition = saga("three", { version: 1, context: type<object>() })
    .step("a", side)
    .step("b", side)
    .step("c", {
      ...side,
      act: (_data, context) => {
        if (fails) throw new RangeError("No");
        ledger.act(context);
      },
    });
  const store = faultyStore(storage.sagas, faults);
  const registry = handlers().saga(definition);
  const app = bootstrap(registry, {
    ...options,
    storage: { ...storage, outbox: storage.outbox, sagas: store },
  });
  const sent = app.send(definition({}, { id: "s" })).then(() => "completed", (error) => error);
  const answer: unknown = await inTime(clock, sent, 500);
  const other = bootstrap(registry, options);
  const tell = async () => (await other.sagas.get("s"))?.status;
  for (let n = 0; n < 20 && !["completed", "compensated", undefined].includes(await tell()); n++) {
    await clock.advance(31_000);
    await inTime(clock, sagaRecovery(other).tick({ budgetMs: 1_000 }), 500);
  }
  await app[Symbol.asyncDispose]();
  return {
    answer,
    status: await tell(),
    ledger,
    store,
    log: await logOf(other, "s").catch(() => []),
    clock,
  };
}

const METHODS: readonly Method[] = ["create", "checkpoint", "load", "claim", "signals", "keep"];

for (const fails of [false, true]) {
  const goal = fails ? "compensated" : "completed";
  for (const when of ["before", "after"] as const) {
    for (const times of [1, 2, Infinity]) {
      Deno.test(`a saga is ${goal} in the end when its storage fails ${when} it has done something, ${times} times, at any call`, async () => {
        let reached = 0;
        for (const method of METHODS) {
          for (let from = 1;; from++) {
            const faults = { method, from, times, when };
            const { status, ledger, answer, store, log, clock } = await disturbed(faults, fails);
            if (store.calls < from) break;
            reached++;
            const where = `${method} ${from}: ${log.join(", ")}`;
            if (method === "create" && from === 1 && status === undefined) {
              assert.equal(when, "before", where);
              assert.equal(ledger.acts.size, 0, where);
              continue;
            }
            assert.equal(status, goal, where);
            assert.deepEqual(ledger.wrong, [], where);
            assert.deepEqual([...ledger.done], fails ? [] : ["s/a", "s/b", "s/c"], where);
            if (times < Infinity) {
              assert.ok([...ledger.acts.values()].every((count) => count === 1), where);
            }
            if (fails) assert.ok(answer instanceof Error);
            assert.equal(clock.pendingTimers, 0, where);
          }
        }
        assert.equal(reached, fails ? 6 : 4); // the start, and a checkpoint for each step and each compensation
      });
    }
  }
}

Deno.test("send() of a saga survives one outage of its storage at each checkpoint, and its caller notices nothing", async () => {
  for (const when of ["before", "after"] as const) {
    for (let from = 1; from <= 3; from++) {
      const { answer } = await disturbed({ method: "checkpoint", from, times: 1, when }, false);
      assert.equal(answer, "completed");
    }
  }
});

Deno.test("send() of a saga rejects with the storage's error when that stays away for longer than a lease", async () => {
  const faults = { method: "checkpoint", from: 2, times: Infinity, when: "before" } as const;
  const { answer, status } = await disturbed(faults, false);
  assert.equal((answer as Error).message, "No checkpoint");
  assert.equal(status, "completed");
});

Deno.test("send() of a saga that turned back through an outage rejects with the cause all the same", async () => {
  const faults = { method: "checkpoint", from: 3, times: 2, when: "after" } as const;
  const { answer } = await disturbed(faults, true);
  assert.ok(answer instanceof SagaFailedError);
  assert.ok(answer.cause instanceof RangeError);
});

Deno.test("a step that has acted, and whose checkpoint was not taken, is undone when it throws the next time", async () => {
  const { clock, storage, options } = workshop();
  const lines: string[] = [];
  const definition = saga("two", { version: 1, context: type<object>() }).step("a", {
    act: () => {
      lines.push("act");
      if (lines.length > 1) throw new Error("No more");
    },
    compensate: (_data, { outcome }) => void lines.push(`undo ${outcome}`),
  });
  let isTaken = false;
  // It takes that the saga is left, but not that it is completed.
  const sagas = intercepted(storage.sagas, ({ status }) => isTaken || status !== "completed");
  const registry = handlers().saga(definition);
  const app = bootstrap(registry, { ...options, storage: { outbox: storage.outbox, sagas } });
  const sent = app.send(definition({}, { id: "s" }));
  await assert.rejects(inTime(clock, sent, 500), /Not taken/);
  isTaken = true;
  await clock.advance(31_000);
  await app.sagas.recover("s");
  assert.deepEqual(lines, ["act", "act", "undo unknown"]);
});

Deno.test("a step that has thrown is tried again when that was not taken, and counts as one of which nobody knows", async () => {
  const { clock, storage, options } = workshop();
  const lines: string[] = [];
  const definition = saga("two", { version: 1, context: type<object>() }).step("a", {
    act: () => {
      lines.push("act");
      throw new DOMException("Gone", "AbortError");
    },
    compensate: (_data, { outcome }) => void lines.push(`undo ${outcome}`),
  });
  let isTaken = false;
  const sagas = intercepted(storage.sagas, ({ status }) => isTaken || status === undefined);
  const app = bootstrap(handlers().saga(definition), {
    ...options,
    storage: { outbox: storage.outbox, sagas },
  });
  const sent = app.send(definition({}, { id: "s" }));
  await assert.rejects(inTime(clock, sent, 500), /Not taken/);
  isTaken = true;
  await clock.advance(31_000);
  await app.sagas.recover("s");
  assert.deepEqual(lines, ["act", "act", "undo unknown"]);
});

function intercepted(store: SagaStore, takes: (change: SagaChange) => boolean): SagaStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === "checkpoint") {
        return async (id: string, revision: number, change: SagaChange) => {
          if (takes(change)) return await target.checkpoint(id, revision, change);
          throw new Error("Not taken");
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
