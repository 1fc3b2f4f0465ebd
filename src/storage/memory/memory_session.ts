import {
  LeaseLostError,
  leaseMsOf,
  maxRowsOf,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSession,
  type OutboxSessionOptions,
} from "../mod.ts";
import { Heap } from "./heap.ts";
import type { MemoryDatabase } from "./memory_database.ts";
import { isBefore, type StoredRow } from "./memory_lane.ts";
import type { MemoryPartition } from "./memory_partition.ts";
import { shareOf } from "./session_shares.ts";

/** How a session of a storage in memory works. */
export interface MemorySessionOptions extends OutboxSessionOptions {
  /** Whether messages are kept after they have been published. */
  readonly keepPublished: boolean;
}

/** A session of a relay on a storage in memory. */
export class MemorySession implements OutboxSession {
  readonly #database: MemoryDatabase;
  readonly #topics: ReadonlySet<string> | undefined;
  readonly #leaseMs: number;
  readonly #keepPublished: boolean;
  readonly #held: Set<MemoryPartition> = new Set();
  /** What it holds and is to let go: nothing more is read of it. */
  readonly #left: Set<MemoryPartition> = new Set();
  /** The rows that it has given and that are not settled, by their positions. */
  readonly #inFlight: Map<number, StoredRow> = new Map();
  #untilMs = -Infinity;
  #isOver = false;

  constructor(database: MemoryDatabase, options: MemorySessionOptions) {
    this.#database = database;
    this.#topics = options.topics && new Set(options.topics);
    this.#leaseMs = leaseMsOf(options);
    this.#keepPublished = options.keepPublished;
  }

  takes(topic: string): boolean {
    return this.#topics === undefined || this.#topics.has(topic);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    const limit = maxRowsOf(maxRows);
    const nowMs = this.#goOn();
    this.#database.sessions.add(this);
    this.#share(nowMs);
    const rows = this.#take(limit, nowMs);
    this.#letGoOfIdle(nowMs);
    return rows;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    const nowMs = this.#goOn();
    const rows = outcomes.map(({ row: { position, envelope } }) => {
      const row = this.#inFlight.get(Number(position));
      if (row !== undefined) return row;
      throw new TypeError(`Cannot settle "${envelope.id}" as this session does not have it`);
    });
    outcomes.forEach((outcome, index) => this.#settle(rows[index] as StoredRow, outcome, nowMs));
    this.#letGoOfIdle(nowMs);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async keep(): Promise<void> {
    this.#goOn();
  }

  // deno-lint-ignore require-await -- it never rejects
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    this.#isOver = true;
  }

  /** Loses everything if it was silent for too long. */
  expire(nowMs: number): void {
    if (nowMs <= this.#untilMs) return;
    if (this.#held.size > 0) this.#isOver = true; // otherwise there was nothing to lose
    this.#end();
  }

  /** Takes part for another `leaseMs`, unless it has lost what it held. */
  #goOn(): number {
    const nowMs = this.#database.clock.now();
    for (const session of this.#database.sessions) session.expire(nowMs);
    if (this.#isOver) throw new LeaseLostError();
    this.#untilMs = nowMs + this.#leaseMs;
    return nowMs;
  }

  #share(nowMs: number): void {
    const { taken, left } = shareOf(this, this.#database, nowMs);
    for (const partition of taken) {
      partition.holder = this;
      this.#held.add(partition);
    }
    this.#left.clear();
    for (const partition of left) this.#left.add(partition);
    this.#letGoOfIdle(nowMs);
  }

  /** Gives what was stored first, so that no partition has to wait for another to be empty. */
  #take(maxRows: number, nowMs: number): OutboxRow[] {
    const next = new Heap(isBefore);
    const look = (partition: MemoryPartition) => {
      const row = partition.next(nowMs);
      if (row !== undefined) next.push(row);
    };
    for (const partition of this.#held) {
      if (!this.#left.has(partition)) look(partition);
    }
    const rows: OutboxRow[] = [];
    while (rows.length < maxRows) {
      const row = next.pop();
      if (row === undefined) break;
      row.lane.partition.give(row);
      rows.push(this.#give(row));
      look(row.lane.partition);
    }
    return rows;
  }

  #give(row: StoredRow): OutboxRow {
    const { position, lane, attempts, envelope } = row;
    this.#inFlight.set(position, row);
    return { position: String(position), lane: lane.name, attempts, envelope };
  }

  #settle(row: StoredRow, outcome: OutboxOutcome, nowMs: number): void {
    if (!this.#inFlight.delete(row.position)) return; // it was named twice
    const { lane } = row;
    const { partition } = lane;
    switch (outcome.outcome) {
      case "published":
        this.#database.pending.delete(row);
        if (this.#keepPublished) this.#database.published.push({ row, publishedAtMs: nowMs });
        return partition.remove(row);
      case "dead":
        this.#bury(row, outcome.error, nowMs);
        if (!outcome.continues) lane.park(row.position);
        return partition.remove(row);
      case "failed":
        row.attempts++;
        partition.wait(lane, nowMs + outcome.retryAfterMs);
        return partition.putBack(row);
      default:
        return partition.putBack(row);
    }
  }

  #bury(row: StoredRow, error: string, nowMs: number): void {
    const { pending, dead } = this.#database;
    pending.delete(row);
    row.lane.deadLetters++;
    dead.add({ row, attempts: row.attempts + 1, error, diedAtMs: nowMs });
  }

  #end(): void {
    this.#database.sessions.delete(this);
    for (const row of this.#inFlight.values()) row.lane.partition.putBack(row);
    this.#inFlight.clear();
    for (const partition of this.#held) this.#letGo(partition);
  }

  /** Lets go of what it has no row of, if that is empty or too much. */
  #letGoOfIdle(nowMs: number): void {
    for (const partition of this.#held) {
      if (partition.inFlight > 0) continue;
      const isOfUse = !this.#left.has(partition) && partition.next(nowMs) !== undefined;
      if (!isOfUse) this.#letGo(partition);
    }
  }

  #letGo(partition: MemoryPartition): void {
    partition.holder = undefined;
    this.#held.delete(partition);
    this.#left.delete(partition);
  }
}
