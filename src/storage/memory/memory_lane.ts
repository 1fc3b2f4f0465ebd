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

/** Whether a row has its place before another one. */
export function isBefore(a: StoredRow, b: StoredRow): boolean {
  return a.position < b.position;
}

/** The messages of one topic and key, or a message without a key. */
export class MemoryLane {
  readonly name: string;
  readonly partition: MemoryPartition;
  /** How many rows sessions have. */
  inFlight = 0;
  /** Whether rows came back, so that those that were read behind them have to come back first. */
  isTurnedBack = false;
  /** Until when it waits; undefined if it does not. */
  waitsUntilMs: number | undefined;
  /** How many of its rows are dead letters. */
  deadLetters = 0;
  /** The first of the rows that no session has. */
  #head: StoredRow | undefined;
  /** The others of them. Most lanes have none. */
  #others: Heap<StoredRow> | undefined;
  /** The places of those dead letters that nothing may pass. */
  #parkedAt: Set<number> | undefined;

  constructor(name: string, partition: MemoryPartition) {
    this.name = name;
    this.partition = partition;
  }

  get isParked(): boolean {
    return this.#parkedAt !== undefined;
  }

  /** Whether nothing would be lost with it. */
  get isEmpty(): boolean {
    return this.#head === undefined && this.inFlight === 0 && this.deadLetters === 0;
  }

  /** The row that may be given now. */
  get next(): StoredRow | undefined {
    if (this.waitsUntilMs !== undefined || this.isTurnedBack) return undefined;
    const row = this.#head;
    if (row === undefined || this.#parkedAt === undefined) return row;
    return row.position < Math.min(...this.#parkedAt) ? row : undefined;
  }

  /** Puts a row at its place. */
  put(row: StoredRow): void {
    const head = this.#head;
    if (head === undefined || isBefore(row, head)) this.#head = row;
    const other = this.#head === row ? head : row;
    if (other === undefined) return;
    this.#others ??= new Heap(isBefore);
    this.#others.push(other);
  }

  /** Takes out the first row. */
  take(): void {
    this.#head = this.#others?.pop();
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
