import assert from "node:assert/strict";
import type { Tick, TickOptions, TickReport } from "../../../src/background/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";

interface PurgeReport extends TickReport {
  readonly deleted: number;
}

/** A job with `count` pieces of work, of which each takes 10 ms of `clock`. */
class Purge implements Tick<PurgeReport> {
  readonly #clock: ManualClock;
  #count: number;

  constructor(clock: ManualClock, count: number) {
    this.#clock = clock;
    this.#count = count;
  }

  async tick({ budgetMs, signal }: TickOptions): Promise<PurgeReport> {
    const endMs = this.#clock.now() + budgetMs;
    let deleted = 0;
    while (this.#count > 0 && this.#clock.now() <= endMs) {
      signal?.throwIfAborted();
      await this.#clock.advance(10);
      this.#count--;
      deleted++;
    }
    return { hasMore: this.#count > 0, deleted };
  }
}

/** A driver that knows nothing of the job but the port. */
async function drive(job: Tick, budgetMs: number): Promise<number> {
  for (let ticks = 1;; ticks++) {
    if (!(await job.tick({ budgetMs })).hasMore) return ticks;
  }
}

Deno.test("Tick lets a driver go on until nothing is left, whatever the job reports besides", async () => {
  assert.equal(await drive(new Purge(new ManualClock(), 7), 29), 3);
  assert.equal(await drive(new Purge(new ManualClock(), 7), Infinity), 1);
  assert.equal(await drive(new Purge(new ManualClock(), 0), 0), 1);
});

Deno.test("Tick gives the report of its job with its own type", async () => {
  const job: Tick<PurgeReport> = new Purge(new ManualClock(), 7);
  const report = await job.tick({ budgetMs: 29, signal: new AbortController().signal });
  const deleted: number = report.deleted;
  // @ts-expect-error -- the job reports nothing of the kind
  assert.deepEqual([deleted, report.hasMore, report.published], [3, true, undefined]);
});

Deno.test("Tick asks for a report that says whether more is left", () => {
  // @ts-expect-error -- it does not say so
  const job: Tick = { tick: () => Promise.resolve({ deleted: 1 }) };
  assert.equal(typeof job.tick, "function");
});
