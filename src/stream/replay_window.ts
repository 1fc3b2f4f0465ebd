import type { ReplayEvent } from "./replay_log.ts";

/** What an event takes besides its text: an object, two strings' heads and a place in an array. */
const EVENT_BYTES = 128;

/** The most events that a reader is given at once. */
const MAX_READ = 256;

/** The newest events of a run. Dropping one costs the same however many there are. */
export class ReplayWindow {
  #events: (ReplayEvent | undefined)[] = [];
  #head = 0;
  /** The number of the oldest event that is kept. */
  first = 0;
  byteCount = 0;

  get count(): number {
    return this.#events.length - this.#head;
  }

  get next(): number {
    return this.first + this.count;
  }

  push(event: ReplayEvent): void {
    this.#events.push(event);
    this.byteCount += sizeOf(event);
  }

  /** Drops the oldest event. */
  drop(): void {
    const event = this.#events[this.#head];
    if (event === undefined) return;
    this.#events[this.#head++] = undefined;
    this.first++;
    this.byteCount -= sizeOf(event);
    if (this.#head < 64 || 2 * this.#head < this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }

  /** The events from the number `position` on, at most {@linkcode MAX_READ}. */
  from(position: number): readonly ReplayEvent[] {
    const start = this.#head + position - this.first;
    return this.#events.slice(start, start + MAX_READ).filter((event) => event !== undefined);
  }
}

function sizeOf({ event, data }: ReplayEvent): number {
  return EVENT_BYTES + 2 * (event.length + data.length);
}
