import type { IncomingRecord } from "./kafka_record.ts";

/** A partition that a subscription reads: what is here of it, delivered or not. */
export class PartitionReader {
  readonly topic: string;
  readonly partition: number;
  /** Whether the client was told to read no more of it. */
  isHeld = false;
  /** How far the group is known to have read. */
  committed: bigint | undefined;
  #next: bigint | undefined;
  #waiting: IncomingRecord[] = [];
  /** How many of `#waiting` were delivered: removing each from its front would move the rest. */
  #taken = 0;
  #waitingBytes = 0;
  /** What was delivered and is not settled, in order. */
  readonly #open: Map<bigint, { readonly record: IncomingRecord; readonly lost: AbortController }> =
    new Map();

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** Where reading goes on: behind all that is here. `undefined` if nothing was read. */
  get next(): bigint | undefined {
    return this.#next;
  }

  /** How many bytes wait to be delivered. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** How many deliveries are not settled. */
  get unsettled(): number {
    return this.#open.size;
  }

  /** Everything before is settled. */
  get settled(): bigint | undefined {
    const [first] = this.#open.keys();
    return first ?? this.#waiting[this.#taken]?.offset ?? this.#next;
  }

  /** Takes what was read, and that the client goes on at `next`. */
  add(records: readonly IncomingRecord[], next: bigint): void {
    const from = this.#next;
    for (const record of records) {
      if (from !== undefined && record.offset < from) continue;
      this.committed ??= record.offset;
      this.#waiting.push(record);
      this.#waitingBytes += sizeOf(record);
    }
    if (from === undefined || next > from) this.#next = next;
  }

  /** The next to deliver, which is unsettled from then on. */
  take(): { readonly record: IncomingRecord; readonly lost: AbortController } | undefined {
    const record = this.#waiting[this.#taken];
    if (record === undefined) return undefined;
    this.#taken++;
    this.#waitingBytes -= sizeOf(record);
    if (this.#taken === this.#waiting.length) {
      this.#waiting = [];
      this.#taken = 0;
    }
    const taken = { record, lost: new AbortController() };
    this.#open.set(record.offset, taken);
    return taken;
  }

  /** Settles a delivery. Says whether it was open. */
  settle(offset: bigint, lost: AbortController): boolean {
    return this.#open.get(offset)?.lost === lost && this.#open.delete(offset);
  }

  /** A delivery, and what was delivered behind it, is to come again. Says whether it was open. */
  takeBack(offset: bigint, lost: AbortController): boolean {
    if (this.#open.get(offset)?.lost !== lost) return false;
    const again = [...this.#open].filter(([each]) => each >= offset);
    for (const [each, { record }] of again) {
      this.#open.delete(each);
      this.#waitingBytes += sizeOf(record);
    }
    this.#waiting = [
      ...again.map(([, { record }]) => record),
      ...this.#waiting.slice(this.#taken),
    ];
    this.#taken = 0;
    for (const [, { lost }] of again) lost.abort();
    return true;
  }

  /** Somebody else reads it, or nobody: what is unsettled is lost. */
  lose(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#waiting = [];
    this.#taken = 0;
    this.#waitingBytes = 0;
    for (const { lost } of open) lost.abort();
  }
}

function sizeOf({ key, value }: IncomingRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
