import type { Delivery, SubscribeOptions, Subscription, WireFormat } from "../broker/mod.ts";
import { type Clock, sleep } from "../clock.ts";
import { type Backoff, exponentialBackoff } from "../resilience/mod.ts";
import type {
  GroupMember,
  GroupMemberListener,
  TopicOffset,
  TopicPartition,
} from "./group_member.ts";
import { type IncomingRecord, readRecord } from "./kafka_record.ts";
import { OffsetCommitter } from "./offset_committer.ts";
import { PartitionReader } from "./partition_reader.ts";
import { isUnknownTopic } from "./refusal.ts";

/** What a subscription is made of. */
export interface GroupSubscriptionOptions extends Required<SubscribeOptions> {
  readonly format: WireFormat;
  readonly clock: Clock;
  readonly commitIntervalMs: number;
  readonly maxWaitingBytes: number;
  readonly onError: (error: unknown) => void;
  readonly join: (topics: readonly string[]) => GroupMember;
  readonly onEnd: (subscription: GroupSubscription) => void;
}

const RESTART: Backoff = exponentialBackoff({ initialDelayMs: 200, maxDelayMs: 5_000 });

/** How long the end of a subscription may wait for its last note. */
const MAX_FLUSH_MS = 3_000;

/** How often a topic that was never seen may be missing before it is a mistake. */
const MAX_UNKNOWN = 3;

/** Reads as a member of a group, and as a new one whenever a client gives up. */
export class GroupSubscription implements Subscription, GroupMemberListener {
  readonly ready: Promise<void>;
  readonly #options: GroupSubscriptionOptions;
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #end: AbortController = new AbortController();
  readonly #iterator: AsyncGenerator<Delivery>;
  readonly #committer: OffsetCommitter;
  readonly #running: Promise<void>;
  readonly #readers: Map<string, PartitionReader> = new Map();
  #member: GroupMember | undefined;
  #failed: PromiseWithResolvers<unknown> = Promise.withResolvers();
  #woken: PromiseWithResolvers<void> = Promise.withResolvers();
  #attempts = 0;
  #isReady = false;
  #fatal: { readonly error: unknown } | undefined;
  #disposed: Promise<void> | undefined;
  /** How many were delivered, so that no partition is always the first. */
  #turn = 0;

  constructor(options: GroupSubscriptionOptions) {
    this.#options = options;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // whoever iterates hears of it, too
    const { clock, commitIntervalMs } = options;
    this.#committer = new OffsetCommitter(() => this.#commit(), clock, commitIntervalMs);
    this.#iterator = this.#deliveries();
    this.#running = this.#run();
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    // Without `return`, as leaving a loop keeps the subscription.
    return { next: () => this.#iterator.next() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  assigned(partitions: readonly TopicPartition[], isKept: boolean): readonly TopicOffset[] {
    const before = new Map(this.#readers);
    this.#readers.clear();
    for (const { topic, partition } of partitions) {
      const key = keyOf(topic, partition);
      const kept = isKept ? before.get(key) : undefined;
      if (kept !== undefined) before.delete(key);
      this.#readers.set(key, kept ?? new PartitionReader(topic, partition));
    }
    for (const reader of before.values()) reader.lose();
    this.#attempts = 0;
    this.#isReady = true;
    this.#ready.resolve();
    this.#wake();
    return [...this.#readers.values()].flatMap(({ topic, partition, next }) =>
      next === undefined ? [] : [{ topic, partition, offset: next }]
    );
  }

  rebalancing(): void {
    this.#committer.flush();
  }

  received(
    { topic, partition }: TopicPartition,
    records: readonly IncomingRecord[],
    next: bigint,
  ): void {
    const reader = this.#readers.get(keyOf(topic, partition));
    if (reader === undefined || this.#end.signal.aborted) return;
    reader.add(records, next);
    if (!reader.isHeld && reader.waitingBytes >= this.#options.maxWaitingBytes) {
      reader.isHeld = true;
      this.#member?.hold(reader);
    }
    this.#wake();
  }

  failed(error: unknown): void {
    this.#failed.resolve(error);
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const member = this.#options.join(this.#options.topics);
      this.#member = member;
      this.#failed = Promise.withResolvers();
      const ended = this.#end.signal.aborted ? Promise.resolve() : aborted(signal);
      // What fails at the start fails here.
      const started = member.start(this).then(() => {}, (error) => this.failed(error));
      const outcome = await Promise.race([
        this.#failed.promise.then((error) => ({ error })),
        ended,
      ]);
      if (outcome === undefined) await this.#flush();
      this.#loseAll();
      await started;
      await member.close().catch(this.#options.onError);
      this.#member = undefined;
      if (outcome === undefined) return;
      if (this.#isFinal(outcome.error, member)) return this.#giveUp(outcome.error);
      this.#options.onError(outcome.error);
      await sleep(this.#options.clock, RESTART(++this.#attempts), signal).catch(() => {}); // ended
    }
  }

  /** Notes what was acknowledged, unless the brokers are away. */
  async #flush(): Promise<void> {
    const end = new AbortController();
    await Promise.race([
      this.#committer.flush(),
      sleep(this.#options.clock, MAX_FLUSH_MS, end.signal).catch(() => {}), // flushed
    ]);
    end.abort();
  }

  #isFinal(error: unknown, member: GroupMember): boolean {
    // Brokers miss a topic while they restart, and for a moment when it is new.
    if (isUnknownTopic(error)) return !this.#isReady && this.#attempts >= MAX_UNKNOWN;
    return !member.isPassing(error);
  }

  #giveUp(error: unknown): void {
    this.#fatal = { error };
    this.#ready.reject(error);
    this.#wake();
  }

  async #dispose(): Promise<void> {
    this.#end.abort();
    this.#options.onEnd(this);
    this.#ready.resolve();
    this.#wake();
    await this.#running;
    this.#committer.stop();
  }

  #loseAll(): void {
    for (const reader of this.#readers.values()) reader.lose();
    this.#readers.clear();
    this.#committer.stop();
  }

  async #commit(): Promise<void> {
    const noted: { readonly reader: PartitionReader; readonly offset: bigint }[] = [];
    for (const reader of this.#readers.values()) {
      const { settled: offset, committed } = reader;
      if (offset !== undefined && committed !== undefined && offset > committed) {
        noted.push({ reader, offset });
      }
    }
    if (noted.length === 0) return;
    try {
      await this.#member?.commit(
        noted.map(({ reader: { topic, partition }, offset }) => ({ topic, partition, offset })),
      );
      for (const { reader, offset } of noted) reader.committed = offset;
    } catch (error) {
      this.#options.onError(error); // it is tried again with what is settled next
    }
  }

  #wake(): void {
    this.#woken.resolve();
  }

  async *#deliveries(): AsyncGenerator<Delivery> {
    while (!this.#end.signal.aborted) {
      if (this.#fatal !== undefined) throw this.#fatal.error;
      this.#woken = Promise.withResolvers();
      const delivery = this.#next();
      if (delivery === undefined) await this.#woken.promise;
      else yield delivery;
    }
  }

  #next(): Delivery | undefined {
    const { maxUnsettled, maxWaitingBytes } = this.#options;
    const readers = [...this.#readers.values()];
    for (let n = 0; n < readers.length; n++) {
      const reader = readers[(this.#turn + n) % readers.length];
      if (reader === undefined || reader.unsettled >= maxUnsettled) continue;
      const taken = reader.take();
      if (taken === undefined) continue;
      this.#turn++;
      if (reader.isHeld && reader.waitingBytes < maxWaitingBytes / 2) {
        reader.isHeld = false;
        this.#member?.resume(reader);
      }
      return this.#deliver(reader, taken.record, taken.lost);
    }
    return undefined;
  }

  #deliver(reader: PartitionReader, record: IncomingRecord, lost: AbortController): Delivery {
    const { topic, partition } = reader;
    const position = `${topic}/${partition}/${record.offset}`;
    const settle = () => {
      if (!reader.settle(record.offset, lost)) return;
      this.#committer.schedule();
      this.#wake();
    };
    return {
      ...readRecord(record, { topic, position, format: this.#options.format }),
      partition: keyOf(topic, partition),
      position,
      signal: lost.signal,
      async ack() {
        await Promise.resolve();
        settle();
      },
      nack: async ({ requeue = true } = {}) => {
        await Promise.resolve();
        if (!requeue) settle();
        else if (reader.takeBack(record.offset, lost)) this.#wake();
      },
    };
  }
}

function keyOf(topic: string, partition: number): string {
  return JSON.stringify([topic, partition]);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
