import type { Envelope } from "../../message/mod.ts";
import { Heap } from "./heap.ts";
import type { MemoryPartition } from "./memory_partition.ts";

/** A message that is stored and not published. */
export interface StoredRow {
  /** Its place, given out when it was appended. */
  readonly position: number;
  readonly envelope: Envelope;
  /** When its transaction was committed. */
  readonly storedAtMs: number;
  readonly lane: MemoryLane;
  attempts: number;
}

/** The messages of one topic and key, or a message without a key. */
export class MemoryLane {
  readonly name: string;
  readonly partition: MemoryPartition;
  /** The rows that no session has. */
  readonly rows: Heap<StoredRow> = new Heap((a, b) => a.position < b.position);
  /** How many rows sessions have. */
  inFlight = 0;
  /** Whether rows came back, so that those that were read behind them have to come back first. */
  isTurnedBack = false;
  /** Until when it waits; undefined if it does not. */
  waitsUntilMs: number | undefined;
  /** How many of its rows are dead letters. */
  deadLetters = 0;
  /** The places of those dead letters that nothing may pass. */
  #parkedAt: Set<number> | undefined;

  constructor(name: string, partition: MemoryPartition) {
    this.name = name;
    this.partition = partition;
  }

  /** Whether its rows share a key; one without a key is alone. */
  get hasKey(): boolean {
    return this.name.startsWith("=");
  }

  get isParked(): boolean {
    return this.#parkedAt !== undefined;
  }

  /** Whether nothing would be lost with it. */
  get isEmpty(): boolean {
    return this.rows.size === 0 && this.inFlight === 0 && this.deadLetters === 0;
  }

  /** The row that may be given now. */
  get next(): StoredRow | undefined {
    if (this.waitsUntilMs !== undefined || this.isTurnedBack) return undefined;
    const row = this.rows.peek();
    if (row === undefined || this.#parkedAt === undefined) return row;
    return row.position < Math.min(...this.#parkedAt) ? row : undefined;
  }

  park(position: number): void {
    this.#parkedAt ??= new Set();
    this.#parkedAt.add(position);
  }

  unpark(position: number): void {
    this.#parkedAt?.delete(position);
    if (this.#parkedAt?.size === 0) this.#parkedAt = undefined;
  }
}
