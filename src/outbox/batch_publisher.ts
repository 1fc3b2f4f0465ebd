import type { Publisher, PublishResult } from "../broker/mod.ts";
import type { Clock } from "../clock.ts";
import { withDeadline } from "../resilience/mod.ts";
import type { OutboxRow } from "../storage/mod.ts";

/** What became of a row that was to be published. */
export type Verdict =
  /** The broker has confirmed it. */
  | { readonly row: OutboxRow; readonly verdict: "confirmed" }
  /** The broker has refused it, or did not answer while it answered to others. */
  | { readonly row: OutboxRow; readonly verdict: "failed"; readonly error: unknown }
  /** It was not tried, as a row before it in its lane was not confirmed. */
  | { readonly row: OutboxRow; readonly verdict: "held" }
  /** It was not tried, or nothing was learned from trying it, as the broker is out of reach. */
  | { readonly row: OutboxRow; readonly verdict: "untried" };

/** What {@linkcode publishBatch} needs. */
export interface BatchOptions {
  readonly broker: Publisher;
  /** How long one call of the broker may take. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Stops waiting for the broker. */
  readonly signal: AbortSignal | undefined;
  /** Lanes of which nothing is published. */
  readonly held: ReadonlySet<string>;
}

/** What became of a batch. */
export interface BatchReport {
  /** A verdict for each row, those of a lane in their order. */
  readonly verdicts: readonly Verdict[];
  /** Why the broker is out of reach, if it is. */
  readonly outage: { readonly error: unknown } | undefined;
}

/** How many messages in a row, each by itself, a broker may not answer to before it is taken to be out of reach. */
const MAX_SUSPECTS = 3;

/**
 * Publishes rows in the order of their lanes.
 *
 * A call that rejects says nothing about single messages: the broker may be out of reach, or one
 * message may be what it cannot take. So the rows are then tried by themselves and in ever smaller
 * parts: those that are not answered while others are have failed; when none is, it is the broker, and
 * nothing is held against the messages.
 */
export async function publishBatch(
  rows: readonly OutboxRow[],
  options: BatchOptions,
): Promise<BatchReport> {
  const batch = new Batch(options);
  await batch.publish(rows);
  return batch.report(rows);
}

class Batch {
  readonly #options: BatchOptions;
  readonly #verdicts = new Map<OutboxRow, Verdict>();
  readonly #held: Set<string>;
  /** Rows that were rejected by themselves, with nothing confirmed since. */
  #suspects: { readonly row: OutboxRow; readonly error: unknown }[] = [];
  /** Whether anything was confirmed since a call rejected for the first time. */
  #isReachable = true;
  #hasRejected = false;
  #outage: { readonly error: unknown } | undefined;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#held = new Set(options.held);
  }

  async publish(rows: readonly OutboxRow[]): Promise<void> {
    const waves = this.#options.broker.keepsOrderOnFailure === true ? [rows] : wavesOf(rows);
    for (const wave of waves) await this.#try(wave);
  }

  report(rows: readonly OutboxRow[]): BatchReport {
    if (this.#suspects.length > 0) {
      if (this.#isReachable && this.#outage === undefined) this.#convict();
      else this.#outage ??= this.#suspects[0];
    }
    const untried = new Set(this.#suspects.map(({ row }) => row.lane));
    const verdicts = rows.map((row): Verdict =>
      this.#verdicts.get(row) ??
        {
          row,
          verdict: this.#held.has(row.lane) && !untried.has(row.lane) ? "held" : "untried",
        }
    );
    return { verdicts, outage: this.#outage };
  }

  async #try(rows: readonly OutboxRow[]): Promise<void> {
    const open = rows.filter(({ lane }) => !this.#held.has(lane));
    if (open.length === 0 || this.#outage !== undefined) return;
    try {
      this.#take(open, await this.#call(open));
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!this.#hasRejected) this.#isReachable = false;
      this.#hasRejected = true;
      await this.#narrowDown(open, error);
    }
  }

  #call(rows: readonly OutboxRow[]): Promise<readonly PublishResult[]> {
    const { broker, timeoutMs, clock, signal } = this.#options;
    const envelopes = rows.map(({ envelope }) => envelope);
    return withDeadline(timeoutMs, (signal) => broker.publish(envelopes, { signal }), {
      signal,
      clock,
    });
  }

  #take(rows: readonly OutboxRow[], results: readonly (PublishResult | undefined)[]): void {
    rows.forEach((row, index) => {
      const result = results[index];
      if (result?.ok === true) {
        // A confirmed row counts as such even behind a failed one: the broker has it.
        this.#verdicts.set(row, { row, verdict: "confirmed" });
        if (this.#suspects.length > 0) this.#convict();
        this.#isReachable = true;
      } else if (!this.#held.has(row.lane)) {
        const error = result === undefined
          ? new TypeError("Cannot tell: the broker gave no result for the message")
          : result.error ?? new TypeError("Cannot tell: the broker gave no reason");
        this.#fail(row, error);
      }
    });
  }

  #fail(row: OutboxRow, error: unknown): void {
    this.#verdicts.set(row, { row, verdict: "failed", error });
    this.#held.add(row.lane);
  }

  /** The broker answers after all: what it did not answer to has failed. */
  #convict(): void {
    for (const { row, error } of this.#suspects) this.#fail(row, error);
    this.#suspects = [];
  }

  async #narrowDown(rows: readonly OutboxRow[], error: unknown): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    if (rows.length === 1) {
      this.#suspects.push({ row: first, error });
      this.#held.add(first.lane);
      if (this.#suspects.length === MAX_SUSPECTS) this.#outage = { error };
      return;
    }
    const heads = headsOf(rows).slice(0, MAX_SUSPECTS);
    for (const head of heads) await this.#try([head]);
    const rest = rows.filter((row) => !heads.includes(row));
    const half = Math.ceil(rest.length / 2);
    await this.#try(rest.slice(0, half));
    await this.#try(rest.slice(half));
  }
}

/** The first rows of the lanes. */
function headsOf(rows: readonly OutboxRow[]): OutboxRow[] {
  const seen = new Set<string>();
  return rows.filter(({ lane }) => !seen.has(lane) && seen.add(lane));
}

/** Parts with at most one row of each lane, to be published one after the other. */
function wavesOf(rows: readonly OutboxRow[]): OutboxRow[][] {
  const waves: OutboxRow[][] = [];
  const counts = new Map<string, number>();
  for (const row of rows) {
    const count = counts.get(row.lane) ?? 0;
    counts.set(row.lane, count + 1);
    (waves[count] ??= []).push(row);
  }
  return waves;
}
