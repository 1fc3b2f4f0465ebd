import type { ReplayEvent } from "./replay_log.ts";

/** What an event takes besides its text: an object, two strings' heads and a place in an array. */
const EVENT_BYTES = 128;

/** The most bytes that a reader is given at once, if it is more than one event: it may keep them long. */
const MAX_READ_BYTES = 65_536;

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

  /** Some of the events from the number `position` on: one at least, if there is one. */
  from(position: number): readonly ReplayEvent[] {
    const events: ReplayEvent[] = [];
    let index = this.#head + position - this.first;
    for (let byteCount = 0; byteCount < MAX_READ_BYTES;) {
      const event = this.#events[index++];
      if (event === undefined) break;
      events.push(event);
      byteCount += sizeOf(event);
    }
    return events;
  }
}

function sizeOf({ event, data }: ReplayEvent): number {
  return EVENT_BYTES + 2 * (event.length + data.length);
}
