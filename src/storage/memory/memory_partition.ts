import { Heap } from "./heap.ts";
import { MemoryLane, type StoredRow } from "./memory_lane.ts";
import type { MemorySession } from "./memory_session.ts";

/** A part of the lanes of a topic, which one session at a time holds. */
export class MemoryPartition {
  readonly topic: string;
  /** The session that holds it. */
  holder: MemorySession | undefined;
  /** How many rows its holder has. */
  inFlight = 0;
  readonly lanes: Map<string, MemoryLane> = new Map();
  /**
   * Lanes with a row to give, by the place of that row. What has changed since is noticed when it
   * comes up.
   */
  readonly #offers: Heap<{ readonly position: number; readonly lane: MemoryLane }> = new Heap(
    (a, b) => a.position < b.position,
  );
  readonly #waits: Heap<{ readonly untilMs: number; readonly lane: MemoryLane }> = new Heap(
    (a, b) => a.untilMs < b.untilMs,
  );

  constructor(topic: string) {
    this.topic = topic;
  }

  /** The lane of that name, made if there is none. */
  lane(name: string): MemoryLane {
    const found = this.lanes.get(name);
    if (found !== undefined) return found;
    const lane = new MemoryLane(name, this);
    this.lanes.set(name, lane);
    return lane;
  }

  /** Adds a row to its lane, at its place. */
  add(row: StoredRow): void {
    const { lane } = row;
    lane.rows.push(row);
    if (lane.rows.peek() === row) this.#offer(lane);
  }

  /** The place of the next row that can be given. */
  nextPosition(nowMs: number): number | undefined {
    for (let wait = this.#waits.peek(); wait !== undefined; wait = this.#waits.peek()) {
      if (wait.untilMs > nowMs) break;
      this.#waits.pop();
      this.#endWait(wait.lane, wait.untilMs);
    }
    for (let offer = this.#offers.peek(); offer !== undefined; offer = this.#offers.peek()) {
      if (offer.lane.next?.position === offer.position) return offer.position;
      this.#offers.pop();
    }
    return undefined;
  }

  /** Gives the row that `nextPosition` told of. */
  take(): StoredRow | undefined {
    const lane = this.#offers.pop()?.lane;
    const row = lane?.rows.pop();
    if (lane === undefined || row === undefined) return undefined;
    lane.inFlight++;
    this.inFlight++;
    this.#offer(lane);
    return row;
  }

  /** A row that was given is gone: it was published, or is a dead letter. */
  remove({ lane }: StoredRow): void {
    lane.inFlight--;
    this.inFlight--;
    if (lane.inFlight === 0 && lane.isTurnedBack) {
      lane.isTurnedBack = false;
      this.#offer(lane);
    }
    this.forget(lane);
  }

  /** A row that was given comes back to its place. */
  putBack(row: StoredRow): void {
    const { lane } = row;
    lane.rows.push(row);
    lane.isTurnedBack = true;
    this.remove(row);
  }

  /** Nothing of a lane is given for a while. */
  wait(lane: MemoryLane, untilMs: number): void {
    lane.waitsUntilMs = untilMs;
    this.#waits.push({ untilMs, lane });
  }

  /** What a dead letter did to its lane is over. */
  revive({ lane, position }: StoredRow): void {
    lane.deadLetters--;
    lane.unpark(position);
    this.#offer(lane);
    this.forget(lane);
  }

  /** Drops a lane of which nothing is left. */
  forget(lane: MemoryLane): void {
    if (lane.isEmpty) this.lanes.delete(lane.name);
  }

  #endWait(lane: MemoryLane, untilMs: number): void {
    if (lane.waitsUntilMs !== untilMs) return; // it has been told to wait for longer since
    lane.waitsUntilMs = undefined;
    this.#offer(lane);
  }

  #offer(lane: MemoryLane): void {
    const row = lane.next;
    if (row !== undefined) this.#offers.push({ position: row.position, lane });
  }
}
