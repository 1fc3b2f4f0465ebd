import { type Clock, sleep } from "../clock.ts";
import type {
  GroupMember,
  GroupMemberListener,
  TopicOffset,
  TopicPartition,
} from "./group_member.ts";
import type { IncomingRecord } from "./kafka_record.ts";
import type { PlatformaticBatch, PlatformaticConsumer } from "./platformatic_client.ts";
import { causesOf, isProtocolError, isUnknownTopic } from "./refusal.ts";

/** How it reads. */
export interface PlatformaticMemberOptions {
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** A partition that it has. */
interface Place extends TopicPartition {
  /** Where to read on, once it is known. */
  offset: bigint | undefined;
  isHeld: boolean;
}

const EARLIEST = -2n;
const LATEST = -1n;
const MAX_PARTITION_BYTES = 1_048_576;
const MAX_BYTES = 10 * MAX_PARTITION_BYTES;
const IS_CONTROL = 0b10_0000;

/**
 * A member of a group that asks the brokers itself: the stream of the client has one limit for all
 * partitions, so one that is not read would keep the others waiting.
 */
export class PlatformaticMember implements GroupMember {
  readonly #consumer: PlatformaticConsumer;
  readonly #topics: string[];
  readonly #options: PlatformaticMemberOptions;
  readonly #closed: AbortController = new AbortController();
  #places: readonly Place[] = [];
  #memberId: string | null = null;
  #reading: Promise<void> | undefined;
  #woken: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(
    consumer: PlatformaticConsumer,
    topics: readonly string[],
    options: PlatformaticMemberOptions,
  ) {
    this.#consumer = consumer;
    this.#topics = [...topics];
    this.#options = options;
  }

  async start(listener: GroupMemberListener): Promise<void> {
    const consumer = this.#consumer;
    consumer.on("consumer:group:join", () => this.#joined(listener));
    consumer.on("consumer:group:rebalance", () => listener.rebalancing());
    // It has given up to join anew.
    consumer.on("error", (error: unknown) => listener.failed(error));
    consumer.topics.trackAll(...this.#topics);
    await consumer.joinGroup({});
    if (this.#closed.signal.aborted) return;
    this.#reading = this.#read(listener).catch((error) => listener.failed(error));
  }

  hold(partition: TopicPartition): void {
    const place = this.#placeOf(partition);
    if (place !== undefined) place.isHeld = true;
  }

  resume(partition: TopicPartition): void {
    const place = this.#placeOf(partition);
    if (place !== undefined) place.isHeld = false;
    this.#woken.resolve();
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    await this.#consumer.commit({
      offsets: offsets.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset,
        leaderEpoch: -1,
      })),
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#consumer.close(true);
    await this.#reading;
  }

  isPassing(error: unknown): boolean {
    const causes = causesOf(error);
    if (causes.some((each) => "code" in each && each.code === "PLT_KFK_AUTHENTICATION")) {
      return false;
    }
    return causes.some((each) =>
      ("canRetry" in each && each.canRetry === true) ||
      ("needsRejoin" in each && each.needsRejoin === true) ||
      ("code" in each && (each.code === "PLT_KFK_NETWORK" || each.code === "PLT_KFK_TIMEOUT"))
    );
  }

  #placeOf({ topic, partition }: TopicPartition): Place | undefined {
    return this.#places.find((each) => each.topic === topic && each.partition === partition);
  }

  #joined(listener: GroupMemberListener): void {
    if (this.#closed.signal.aborted) return;
    const { memberId, assignments } = this.#consumer;
    const partitions = (assignments ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition }))
    );
    const known = listener.assigned(partitions, memberId !== null && memberId === this.#memberId);
    this.#memberId = memberId;
    const before = this.#places;
    this.#places = partitions.map(({ topic, partition }) => {
      const isSame = (each: TopicPartition) => each.topic === topic && each.partition === partition;
      const offset = known.find(isSame)?.offset;
      const isHeld = offset !== undefined && before.find(isSame)?.isHeld === true;
      return { topic, partition, offset, isHeld };
    });
    this.#woken.resolve();
  }

  async #read(listener: GroupMemberListener): Promise<void> {
    const { clock, maxWaitMs } = this.#options;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        await this.#locate(this.#places.filter(({ offset }) => offset === undefined));
        const wanted = this.#places.filter(({ isHeld, offset }) => !isHeld && offset !== undefined);
        if (wanted.length > 0) await this.#fetch(wanted, listener);
        else await this.#rest();
      } catch (error) {
        if (signal.aborted) return;
        if (isProtocolError(error, "OFFSET_OUT_OF_RANGE")) await this.#return();
        else if (!this.isPassing(error) && !isUnknownTopic(error)) throw error;
        // Signs of life go on, and so does the membership: nothing is to be built anew.
        this.#options.onError(error);
        await sleep(clock, maxWaitMs, signal).catch(() => {}); // closed
      }
    }
  }

  /** Waits until there may be something to read. */
  async #rest(): Promise<void> {
    const { clock, maxWaitMs } = this.#options;
    this.#woken = Promise.withResolvers();
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#closed.signal]);
    await Promise.race([
      this.#woken.promise,
      sleep(clock, maxWaitMs, signal).catch(() => {}), // closed, or woken
    ]);
    end.abort();
  }

  /** Finds where the group has got to. */
  async #locate(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return;
    const topics = [...byTopic(places)].map(([topic, all]) => ({
      topic,
      partitions: all.map(({ partition }) => partition),
    }));
    const committed = await this.#consumer.listCommittedOffsets({ topics });
    const fresh: Place[] = [];
    for (const place of places) {
      const offset = committed.get(place.topic)?.[place.partition];
      if (offset === undefined || offset < 0n) fresh.push(place);
      else place.offset = offset;
    }
    if (fresh.length === 0) return;
    const first = await this.#listOffsets(fresh, EARLIEST);
    for (const place of fresh) place.offset = first(place);
  }

  /** Goes back to what the brokers still have, as retention has removed more, or a leader knew less. */
  async #return(): Promise<void> {
    const places = this.#places;
    const [first, last] = [
      await this.#listOffsets(places, EARLIEST),
      await this.#listOffsets(places, LATEST),
    ];
    for (const place of places) {
      const [from, to] = [first(place), last(place)];
      if (place.offset === undefined || from === undefined || to === undefined) continue;
      if (place.offset < from || place.offset > to) place.offset = from;
    }
  }

  async #listOffsets(
    places: readonly Place[],
    timestamp: bigint,
  ): Promise<(place: Place) => bigint | undefined> {
    const partitions: Record<string, number[]> = {};
    for (const [topic, all] of byTopic(places)) {
      partitions[topic] = all.map(({ partition }) => partition);
    }
    const topics = Object.keys(partitions);
    const found = await this.#consumer.listOffsets({ topics, partitions, timestamp });
    return ({ topic, partition }) => found.get(topic)?.[partition];
  }

  async #fetch(wanted: readonly Place[], listener: GroupMemberListener): Promise<void> {
    const { topics } = await this.#consumer.metadata({ topics: this.#topics });
    const byNode = new Map<number, Place[]>();
    for (const place of wanted) {
      const node = topics.get(place.topic)?.partitions[place.partition]?.leader;
      if (node === undefined) continue;
      const places = byNode.get(node) ?? [];
      places.push(place);
      byNode.set(node, places);
    }
    const idOf = (topic: string) => topics.get(topic)?.id ?? "";
    await Promise.all(
      [...byNode].map(([node, places]) => this.#fetchFrom(node, places, idOf, listener)),
    );
  }

  async #fetchFrom(
    node: number,
    places: readonly Place[],
    idOf: (topic: string) => string,
    listener: GroupMemberListener,
  ): Promise<void> {
    const { maxWaitMs } = this.#options;
    const { responses } = await this.#consumer.fetch({
      node,
      // One that is held may be read on at any moment, and cannot join a request that waits.
      maxWaitTime: this.#places.some(({ isHeld }) => isHeld) ? Math.ceil(maxWaitMs / 4) : maxWaitMs,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      topics: [...byTopic(places)].map(([topic, all]) => ({
        topicId: idOf(topic),
        partitions: all.map(toRequest),
      })),
    });
    for (const { topicId, partitions } of responses) {
      for (const { partitionIndex, records } of partitions) {
        const place = places.find((each) =>
          each.partition === partitionIndex && idOf(each.topic) === topicId
        );
        // It may have gone to another member meanwhile.
        if (!records || place?.offset === undefined || !this.#places.includes(place)) continue;
        const from = place.offset;
        const read = records.flatMap(toIncoming).filter(({ offset }) => offset >= from);
        place.offset = nextOf(records, from);
        listener.received(place, read, place.offset);
      }
    }
  }
}

function toRequest({ partition, offset }: Place) {
  return {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: offset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: MAX_PARTITION_BYTES,
  };
}

function byTopic(places: readonly Place[]): Map<string, Place[]> {
  const found = new Map<string, Place[]>();
  for (const place of places) {
    const all = found.get(place.topic) ?? [];
    all.push(place);
    found.set(place.topic, all);
  }
  return found;
}

function nextOf(batches: readonly PlatformaticBatch[], from: bigint): bigint {
  const last = batches.at(-1);
  if (last === undefined) return from;
  const next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
  return next > from ? next : from;
}

function toIncoming(
  { attributes, firstOffset, firstTimestamp, records }: PlatformaticBatch,
): IncomingRecord[] {
  if ((attributes & IS_CONTROL) !== 0) return [];
  return records.map(({ key, value, headers, offsetDelta, timestampDelta }) => ({
    offset: firstOffset + BigInt(offsetDelta),
    key,
    value,
    timestampMs: Number(firstTimestamp + timestampDelta),
    headers: namedHeaders(headers),
  }));
}

function namedHeaders(
  headers: PlatformaticBatch["records"][number]["headers"],
): [string, Uint8Array | undefined][] {
  const decoder = new TextDecoder();
  return headers.map(([name, value]) => [decoder.decode(name ?? undefined), value ?? undefined]);
}
