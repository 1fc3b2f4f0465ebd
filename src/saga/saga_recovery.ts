import {
  runTicks,
  type RunTicksOptions,
  type Tick,
  type TickLoop,
  type TickOptions,
  type TickReport,
} from "../background/mod.ts";
import type { Sagas } from "../mediator/mod.ts";
import { sagaBackoffMs, type SagaSnapshot } from "../storage/mod.ts";
import type { SagaEngine } from "./saga_engine.ts";
import { SagaOperations } from "./saga_operations.ts";
import { SagaRun } from "./saga_run.ts";

/** How {@linkcode sagaRecovery} works. */
export interface SagaRecoveryOptions {
  /** The names of the sagas. @default all that the application has */
  readonly names?: readonly string[];
  /**
   * Sagas that were last written at least so long ago, in milliseconds. It is not needed to spare those that
   * somebody goes on with: these are leased.
   *
   * @default {0}
   */
  readonly idleMs?: number;
  /** How many sagas are gone on with at a time, a positive integer up to 1,000. @default {10} */
  readonly concurrency?: number;
  /**
   * How often a saga is taken up and does not get on, as the process dies or the storage is away, before it is
   * parked; a positive integer.
   *
   * @default {5}
   */
  readonly maxAttempts?: number;
  /**
   * How long a saga that did not get on is left alone beyond its lease, in milliseconds: the first time so
   * long, then twice as long each time, up to `maxBackoffMs`.
   *
   * @default {1_000}
   */
  readonly backoffMs?: number;
  /** The longest that it is left alone, in milliseconds. @default {300_000} */
  readonly maxBackoffMs?: number;
}

/** What a tick has done. */
export interface SagaRecoveryReport extends TickReport {
  /** How many sagas it has taken up. */
  readonly claimed: number;
  /** How many of them are completed now. */
  readonly completed: number;
  /** How many are undone. */
  readonly compensated: number;
  /** How many could not be undone as a whole, and wait for somebody. */
  readonly failed: number;
  /** How many it has parked. */
  readonly parked: number;
  /** How many wait, for a signal or for their time. */
  readonly waiting: number;
  /** How many it could not go on with, which come again. */
  readonly errors: number;
}

/** How {@linkcode SagaRecovery.run} loops. */
export type RunSagaRecoveryOptions = Pick<
  RunTicksOptions<SagaRecoveryReport>,
  "signal" | "intervalMs" | "budgetMs" | "graceMs" | "backoff" | "onReport" | "onError"
>;

/** Goes on with sagas that nobody goes on with. Any number of them share the work, in any number of processes. */
export interface SagaRecovery extends Tick<SagaRecoveryReport> {
  /**
   * Goes on with what is due, until nothing is left or the budget is spent. It finishes the steps at hand.
   *
   * @throws {AppClosedError} If the application is disposed.
   * @throws The reason of `options.signal`; or what the storage threw.
   */
  tick(options: TickOptions): Promise<SagaRecoveryReport>;
  /** Does so in a process that lives on, again and again. Disposing the result ends it. */
  run(options: RunSagaRecoveryOptions): TickLoop;
}

/**
 * Creates a job that goes on with sagas whose process has died or has left them, or whose time has come: to
 * try a step or a compensation again, or as they were signalled or decided about. It starts nothing: call
 * `tick` from a cron, a route or behind a response, or `run` in a process that lives on.
 *
 * A saga that does not get on is left alone for longer each time, and parked in the end; so is one whose log
 * does not fit its definition. Nobody goes on with a parked one until somebody says so, by `app.sagas`.
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If the application has no sagas.
 *
 * @example In a process that lives on
 * ```ts
 * import { bootstrap, handlers, type } from "@sluice/cqrs";
 * import { saga, sagaRecovery } from "@sluice/cqrs/saga";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 *
 * const Trip = saga("trip", { version: 1, context: type<{ to: string }>() }).step("book", () => {});
 * const app = bootstrap(handlers().saga(Trip), { storage: memoryStorage() });
 * const running = sagaRecovery(app).run({ onError: (error) => console.error(error) });
 * await app.send(Trip({ to: "Rome" }));
 * await running[Symbol.asyncDispose]();
 * ```
 */
export function sagaRecovery(
  app: { readonly sagas: Sagas },
  options: SagaRecoveryOptions = {},
): SagaRecovery {
  const { sagas } = app;
  if (!(sagas instanceof SagaOperations)) {
    throw new TypeError("Cannot recover sagas as they are none of an application of this library");
  }
  return new Recovery(sagas.engine, settingsOf(options));
}

type Settings =
  & Required<Omit<SagaRecoveryOptions, "names">>
  & Pick<SagaRecoveryOptions, "names">;

function settingsOf({
  idleMs = 0,
  concurrency = 10,
  maxAttempts = 5,
  backoffMs = 1_000,
  maxBackoffMs = 300_000,
  ...rest
}: SagaRecoveryOptions): Settings {
  for (const [name, value] of Object.entries({ concurrency, maxAttempts })) {
    if (Number.isInteger(value) && value > 0 && (name !== "concurrency" || value <= 1_000)) {
      continue;
    }
    throw new RangeError(`Cannot recover sagas: ${name} must be a positive integer, got ${value}`);
  }
  for (const [name, value] of Object.entries({ idleMs, backoffMs, maxBackoffMs })) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new RangeError(`Cannot recover sagas: ${name} must be a number from 0, got ${value}`);
  }
  return { idleMs, concurrency, maxAttempts, backoffMs, maxBackoffMs, ...rest };
}

type Counts = { -readonly [P in keyof Omit<SagaRecoveryReport, "hasMore">]: number };

class Recovery implements SagaRecovery {
  readonly #engine: SagaEngine;
  readonly #settings: Settings;

  constructor(engine: SagaEngine, settings: Settings) {
    this.#engine = engine;
    this.#settings = settings;
  }

  async tick({ budgetMs, signal }: TickOptions): Promise<SagaRecoveryReport> {
    const { clock, closing } = this.#engine.host;
    signal?.throwIfAborted();
    closing.throwIfAborted();
    const { concurrency } = this.#settings;
    const endMs = clock.now() + budgetMs;
    const counts = noCounts();
    const active = new Set<Promise<void>>();
    let hasMore: boolean;
    try {
      do {
        const limit = concurrency - active.size;
        const claimed = await this.#claim(limit);
        hasMore = claimed.length === limit;
        counts.claimed += claimed.length;
        for (const snapshot of claimed) {
          const work = this.#recover(snapshot, counts, signal).finally(() => active.delete(work));
          active.add(work);
        }
        // Some at a time, as each claim is a statement; the others work while it is under way.
        while (active.size > concurrency * 0.75) await Promise.race(active);
      } while (hasMore && signal?.aborted !== true && !closing.aborted && clock.now() < endMs);
    } finally {
      await Promise.all(active);
    }
    signal?.throwIfAborted();
    return { hasMore, ...counts };
  }

  run(options: RunSagaRecoveryOptions): TickLoop {
    return runTicks(this, { ...options, clock: this.#engine.host.clock });
  }

  #claim(limit: number): Promise<readonly SagaSnapshot[]> {
    const engine = this.#engine;
    const { names = engine.names, idleMs, backoffMs, maxBackoffMs } = this.#settings;
    const wanted = { names, limit, idleMs, backoffMs, maxBackoffMs };
    return engine.host.store.claimDue({ ...wanted, ...engine.nextLease() });
  }

  /** Goes on with one. It never rejects: one that fails must not keep the others. */
  async #recover(
    snapshot: SagaSnapshot,
    counts: Counts,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { id, name } = snapshot.record;
    try {
      const run = await this.#open(snapshot, counts).catch((error) => {
        this.#engine.reportLeft(id, name, error);
        throw error;
      });
      if (run === undefined) return;
      await this.#engine.drive(run, signal);
      if (run.end?.type === "settled" && run.status !== "running") {
        counts[run.status === "compensating" ? "waiting" : run.status]++;
      } else if (run.end?.type === "left") counts.waiting++;
    } catch {
      counts.errors++; // the observer has been told
    }
  }

  async #open(snapshot: SagaSnapshot, counts: Counts): Promise<SagaRun | undefined> {
    const engine = this.#engine;
    const { attempts } = snapshot.record;
    const opened = engine.open(snapshot, { waits: false });
    if (attempts <= this.#settings.maxAttempts) {
      if (opened instanceof SagaRun) return opened;
      if (opened.type === "unknown") {
        // It is of a newer version, which a process will know that is deployed now.
        counts.waiting++;
        return void await this.#leave(snapshot);
      }
    }
    const reason = opened instanceof SagaRun
      ? `it was taken up ${attempts - 1} times and did not get on`
      : opened.reason;
    await engine.park(snapshot, reason);
    counts.parked++;
    return undefined;
  }

  async #leave({ record: { id, revision, attempts } }: SagaSnapshot): Promise<void> {
    const resumeInMs = sagaBackoffMs(attempts, this.#settings);
    await this.#engine.host.store.checkpoint(id, revision, { leaseMs: 0, resumeInMs });
  }
}

function noCounts(): Counts {
  return {
    claimed: 0,
    completed: 0,
    compensated: 0,
    failed: 0,
    parked: 0,
    waiting: 0,
    errors: 0,
  };
}
