import type { TickOptions } from "../background/mod.ts";
import { SluiceError } from "../errors.ts";
import {
  LeaseLostError,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSession,
} from "../storage/mod.ts";
import { publishBatch, type Verdict } from "./batch_publisher.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { RelaySettings } from "./relay_options.ts";

/** The broker does not answer, so that the relay cannot go on. Nothing is lost: the messages are tried again. */
export class BrokerUnavailableError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "BrokerUnavailableError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "broker_unavailable";

  /** Creates the error; `options.cause` is what the broker answered last. */
  constructor(options?: ErrorOptions) {
    super("Cannot publish as the broker does not answer", options);
  }
}

/** What a tick of a relay has done; JSON can carry it. */
export interface RelayReport {
  /** Whether its budget ended before its work did. */
  readonly hasMore: boolean;
  /** How many messages the broker has confirmed. */
  readonly published: number;
  /** How many were refused and are tried again. */
  readonly failed: number;
  /** How many have become dead letters. */
  readonly deadLettered: number;
}

/** Counts what a tick does. */
type Tally = { -readonly [Name in keyof RelayReport]: RelayReport[Name] };

const NONE: ReadonlySet<string> = new Set();

/**
 * Publishes what a session reads. The next batch is read while one is published, and what became of a
 * batch is written down while the next one is published.
 */
export class RelayWorker implements AsyncDisposable {
  readonly #settings: RelaySettings;
  #session: OutboxSession | undefined;
  #heartbeat: Heartbeat | undefined;
  /** Ticks of one worker come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: RelaySettings) {
    this.#settings = settings;
  }

  /** Does one tick, when those before it are done. */
  tick(options: TickOptions): Promise<RelayReport> {
    const tick = this.#turn.then(() => this.#tick(options));
    this.#turn = tick.catch(() => {});
    return tick;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#close();
  }

  async #tick({ budgetMs, signal }: TickOptions): Promise<RelayReport> {
    signal?.throwIfAborted();
    const { clock, report } = this.#settings;
    const endMs = clock.now() + budgetMs;
    const tally: Tally = { hasMore: false, published: 0, failed: 0, deadLettered: 0 };
    for (let isFirst = true; isFirst || clock.now() < endMs; isFirst = false) {
      try {
        await this.#drain(tally, endMs, signal);
        return tally;
      } catch (error) {
        await this.#close();
        if (!(error instanceof LeaseLostError)) throw error;
        report({ type: "lease_lost" });
        signal?.throwIfAborted();
      }
    }
    return { ...tally, hasMore: true };
  }

  async #drain(tally: Tally, endMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, batchSize } = this.#settings;
    const session = this.#open();
    let held = NONE;
    let settling: Promise<void> = Promise.resolve();
    let reading: Promise<readonly OutboxRow[]> | undefined = session.read(batchSize);
    try {
      while (reading !== undefined) {
        const rows: readonly OutboxRow[] = await reading;
        reading = undefined;
        if (rows.length === 0) {
          await settling;
          // What was held back until now may be there at once.
          if (held === NONE) return;
          held = NONE;
          reading = session.read(batchSize);
          continue;
        }
        const isTimeLeft = clock.now() < endMs && signal?.aborted !== true;
        if (isTimeLeft) reading = quiet(session.read(batchSize));
        else tally.hasMore = true;
        const { outcomes, failedLanes, outage } = await this.#publish(rows, held, tally, signal);
        await settling;
        settling = quiet(session.settle(outcomes));
        held = failedLanes;
        // The session has to know of a lane that waits before it reads what comes after.
        if (held.size > 0 || outage !== undefined) await settling;
        if (outage !== undefined) await this.#giveUp(session, reading, outage.error);
      }
    } finally {
      await settling.catch(() => {}); // it was awaited above unless something else has failed before
    }
    await settling;
    signal?.throwIfAborted();
  }

  async #publish(
    rows: readonly OutboxRow[],
    held: ReadonlySet<string>,
    tally: Tally,
    signal: AbortSignal | undefined,
  ) {
    const { broker, clock, publishTimeoutMs: timeoutMs } = this.#settings;
    await this.#heartbeat?.fresh();
    const { verdicts, outage } = await publishBatch(rows, {
      broker,
      timeoutMs,
      clock,
      signal,
      held,
    });
    const failedLanes = new Set<string>();
    const outcomes = verdicts.map((verdict) => {
      const outcome = this.#judge(verdict, tally);
      if (outcome.outcome === "failed" || outcome.outcome === "held") {
        failedLanes.add(verdict.row.lane);
      } else if (outcome.outcome === "dead" && !outcome.continues) {
        failedLanes.add(verdict.row.lane);
      }
      return outcome;
    });
    return { outcomes, failedLanes, outage };
  }

  #judge(verdict: Verdict, tally: Tally): OutboxOutcome {
    const { report, maxAttempts, backoff, continues } = this.#settings;
    const { row } = verdict;
    const { envelope } = row;
    if (verdict.verdict === "confirmed") {
      tally.published++;
      report({ type: "published", envelope });
      return { row, outcome: "published" };
    }
    if (verdict.verdict !== "failed") {
      return { row, outcome: verdict.verdict === "held" ? "held" : "returned" };
    }
    const attempts = row.attempts + 1;
    const error = describeError(verdict.error);
    if (attempts >= maxAttempts) {
      tally.deadLettered++;
      report({ type: "dead_lettered", envelope, error: verdict.error, attempts });
      return { row, outcome: "dead", error, continues };
    }
    tally.failed++;
    const retryAfterMs = Math.max(0, backoff(attempts));
    report({
      type: "publish_failed",
      envelope,
      error: verdict.error,
      attempt: attempts,
      retryAfterMs,
    });
    return { row, outcome: "failed", error, retryAfterMs };
  }

  /** Puts back what was read ahead, and says why. */
  async #giveUp(
    session: OutboxSession,
    reading: Promise<readonly OutboxRow[]> | undefined,
    error: unknown,
  ): Promise<never> {
    const ahead = await reading ?? [];
    await session.settle(ahead.map((row) => ({ row, outcome: "returned" })));
    this.#settings.report({ type: "broker_unavailable", error });
    throw new BrokerUnavailableError({ cause: error });
  }

  #open(): OutboxSession {
    if (this.#session === undefined) {
      const { source, topics, leaseMs, clock } = this.#settings;
      this.#session = source.open({ topics, leaseMs });
      this.#heartbeat = new Heartbeat(this.#session, leaseMs, clock);
    }
    return this.#session;
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#heartbeat?.stop();
    this.#session = this.#heartbeat = undefined;
    await session?.[Symbol.asyncDispose]();
  }
}

/** A promise that is awaited later, whatever happens meanwhile. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** What is kept of an error: its name and message, and those of its cause. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, MAX_ERROR_LENGTH);
  const cause = error.cause instanceof Error ? `: ${error.cause.name}: ${error.cause.message}` : "";
  return `${error.name}: ${error.message}${cause}`.slice(0, MAX_ERROR_LENGTH);
}

const MAX_ERROR_LENGTH = 1_000;
