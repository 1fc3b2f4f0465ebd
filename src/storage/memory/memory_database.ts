import type { Clock } from "../../clock.ts";
import type { Envelope } from "../../message/mod.ts";
import { memoryReplayLog, type ReplayLog } from "../../stream/mod.ts";
import { anyPartition, type InboxDeadLetter, laneOf, partitionOf, PARTITIONS } from "../mod.ts";
import type { InboxEntry } from "./memory_inbox.ts";
import type { StoredRow } from "./memory_lane.ts";
import { MemoryPartition } from "./memory_partition.ts";
import type { StoredSaga } from "./memory_sagas.ts";
import type { MemorySession } from "./memory_session.ts";

/** A value of the application's own. Each write makes another, so that readers notice. */
export interface Entry {
  readonly value: unknown;
}

/** A message that was given up. */
export interface DeadRow {
  readonly row: StoredRow;
  readonly attempts: number;
  readonly error: string;
  readonly diedAtMs: number;
}

/** A message and the place that it has, of a transaction that is not committed. */
export interface AppendedEnvelope {
  readonly position: number;
  readonly envelope: Envelope;
}

/** What several storages in memory share, as processes share a database. */
export class MemoryDatabase {
  readonly clock: Clock;
  readonly replay: ReplayLog;
  readonly entries: Map<string, Entry> = new Map();
  readonly topics: Map<string, readonly MemoryPartition[]> = new Map();
  /** All that is neither published nor dead, also what sessions have. */
  readonly pending: Set<StoredRow> = new Set();
  /** In the order in which they were given up. */
  readonly dead: Set<DeadRow> = new Set();
  /** When what is kept was published, the oldest first. */
  readonly published: Array<{ readonly row: StoredRow; readonly publishedAtMs: number }> = [];
  /** What is known of messages that consumers handle, and of keys. */
  readonly inbox: Map<string, InboxEntry> = new Map();
  /** What consumers have given up, the oldest first. */
  readonly deadDeliveries: InboxDeadLetter[] = [];
  /** Sagas, in the order in which they were started. */
  readonly sagas: Map<string, StoredSaga> = new Map();
  /** How many signals came when their saga had ended. */
  lateSignals = 0;
  /** The sessions that live and have read. */
  readonly sessions: Set<MemorySession> = new Set();
  readonly #subscribers: Set<{ readonly onWake: () => void }> = new Set();
  #lastPosition = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.replay = memoryReplayLog({ clock });
  }

  /** A place behind all that were given out before. */
  nextPosition(): number {
    return ++this.#lastPosition;
  }

  /** Stores messages whose transaction is committed. */
  insert(appended: readonly AppendedEnvelope[]): void {
    const storedAtMs = this.clock.now();
    for (const { position, envelope } of appended) {
      const lane = this.#partition(envelope).lane(laneOf(envelope), envelope.key !== undefined);
      const row: StoredRow = { position, envelope, storedAtMs, lane, attempts: 0 };
      this.pending.add(row);
      lane.partition.add(row);
    }
    if (appended.length > 0) this.wake();
  }

  /** Deletes what consumers have given up; how many there were. */
  removeDeadDeliveries(isGone: (letter: InboxDeadLetter) => boolean): number {
    const left = this.deadDeliveries.filter((letter) => !isGone(letter));
    return this.deadDeliveries.splice(0, Infinity, ...left).length - left.length;
  }

  /** Calls those who want to know that there may be something to publish. */
  wake(): void {
    for (const { onWake } of [...this.#subscribers]) onWake();
  }

  subscribe(onWake: () => void): AsyncDisposable {
    const subscriber = { onWake };
    this.#subscribers.add(subscriber);
    return {
      [Symbol.asyncDispose]: () => {
        this.#subscribers.delete(subscriber);
        return Promise.resolve();
      },
    };
  }

  #partition({ topic, key }: Envelope): MemoryPartition {
    let partitions = this.topics.get(topic);
    if (partitions === undefined) {
      partitions = Array.from({ length: PARTITIONS }, () => new MemoryPartition(topic));
      this.topics.set(topic, partitions);
    }
    const index = key === undefined ? anyPartition() : partitionOf(key);
    return partitions[index] as MemoryPartition;
  }
}
