import { Heap } from "./heap.ts";
import { isBefore, MemoryLane, type StoredRow } from "./memory_lane.ts";
import type { MemorySession } from "./memory_session.ts";

/** A part of the lanes of a topic, which one session at a time holds. */
export class MemoryPartition {
  readonly topic: string;
  /** The session that holds it. */
  holder: MemorySession | undefined;
  /** How many rows its holder has. */
  inFlight = 0;
  /** The lanes of keys, by their names. */
  readonly lanes: Map<string, MemoryLane> = new Map();
  /** The next rows of lanes. What has changed since is noticed when one comes up. */
  readonly #offers: Heap<StoredRow> = new Heap(isBefore);
  readonly #waits: Heap<{ readonly untilMs: number; readonly lane: MemoryLane }> = new Heap(
    (a, b) => a.untilMs < b.untilMs,
  );

  constructor(topic: string) {
    this.topic = topic;
  }

  /** The lane for a message: that of its key, or one of its own. */
  lane(name: string, hasKey: boolean): MemoryLane {
    const found = hasKey ? this.lanes.get(name) : undefined;
    if (found !== undefined) return found;
    const lane = new MemoryLane(name, this);
    if (hasKey) this.lanes.set(name, lane);
    return lane;
  }

  /** Adds a row to its lane. */
  add(row: StoredRow): void {
    row.lane.put(row);
    if (row.lane.next === row) this.#offers.push(row);
  }

  /** The next row that can be given. */
  next(nowMs: number): StoredRow | undefined {
    for (let wait = this.#waits.peek(); wait !== undefined; wait = this.#waits.peek()) {
      if (wait.untilMs > nowMs) break;
      this.#waits.pop();
      this.#endWait(wait.lane, wait.untilMs);
    }
    for (let row = this.#offers.peek(); row !== undefined; row = this.#offers.peek()) {
      if (row.lane.next === row) return row;
      this.#offers.pop();
    }
    return undefined;
  }

  /** Gives the row that `next` told of. */
  give({ lane }: StoredRow): void {
    this.#offers.pop();
    lane.take();
    lane.inFlight++;
    this.inFlight++;
    this.#offer(lane);
  }

  /** A row that was given is gone: it was published, or is a dead letter. */
  remove(row: StoredRow): void {
    const { lane } = row;
    lane.inFlight--;
    this.inFlight--;
    if (lane.inFlight === 0 && lane.isTurnedBack) {
      lane.isTurnedBack = false;
      this.#offer(lane);
    }
    this.#forget(row);
  }

  /** A row that was given comes back to its place. */
  putBack(row: StoredRow): void {
    row.lane.put(row);
    row.lane.isTurnedBack = true;
    this.remove(row);
  }

  /** Nothing of a lane is given for a while. */
  wait(lane: MemoryLane, untilMs: number): void {
    lane.waitsUntilMs = Math.max(lane.waitsUntilMs ?? -Infinity, untilMs);
    this.#waits.push({ untilMs, lane });
  }

  /** What a dead letter did to its lane is over. */
  revive(row: StoredRow): void {
    const { lane, position } = row;
    lane.deadLetters--;
    lane.unpark(position);
    this.#offer(lane);
    this.#forget(row);
  }

  /** Drops the lane of a key when nothing is left of it. */
  #forget({ lane, envelope: { key } }: StoredRow): void {
    if (key !== undefined && lane.isEmpty) this.lanes.delete(lane.name);
  }

  #endWait(lane: MemoryLane, untilMs: number): void {
    if (lane.waitsUntilMs !== untilMs) return; // it waits for longer
    lane.waitsUntilMs = undefined;
    this.#offer(lane);
  }

  #offer(lane: MemoryLane): void {
    const row = lane.next;
    if (row !== undefined) this.#offers.push(row);
  }
}
