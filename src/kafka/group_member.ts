import type { IncomingRecord } from "./kafka_record.ts";

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A place in a partition. */
export interface TopicOffset extends TopicPartition {
  readonly offset: bigint;
}

/** What a member of a group tells the subscription that it reads for. */
export interface GroupMemberListener {
  /**
   * The group has divided the partitions anew. If `isKept`, nobody else can have read those that it had
   * before. Answers where to go on in those; in others it begins where the group has got to.
   */
  assigned(partitions: readonly TopicPartition[], isKept: boolean): readonly TopicOffset[];
  /** The group is about to divide its partitions anew. */
  rebalancing(): void;
  /** Records were read; the next are read from `next`. */
  received(from: TopicPartition, records: readonly IncomingRecord[], next: bigint): void;
  /** It is of no more use. */
  failed(error: unknown): void;
}

/** One consumer of a client, which is a member of a group while it lives. */
export interface GroupMember {
  /** Connects, and joins. Rejects, or says later that it has failed. */
  start(listener: GroupMemberListener): Promise<void>;
  /** Reads no more of a partition. */
  hold(partition: TopicPartition): void;
  /** Reads it again. */
  resume(partition: TopicPartition): void;
  /** Notes how far the group has read. */
  commit(offsets: readonly TopicOffset[]): Promise<void>;
  /** Leaves, and releases everything. Called once, also after it has failed. */
  close(): Promise<void>;
  /** Whether a new member may succeed where this one has failed. */
  isPassing(error: unknown): boolean;
}
