/** What is used of a producer of `@platformatic/kafka`. */
export interface PlatformaticProducer {
  /** Sends records. */
  // deno-lint-ignore no-explicit-any -- the types of the package name the class of Node's bytes
  send(options: any): Promise<unknown>;
  /** Closes its connections. */
  close(force?: boolean): Promise<void>;
}

/** What is used of a cluster's description. */
export interface PlatformaticMetadata {
  /** The topics, by name. */
  readonly topics: ReadonlyMap<
    string,
    { readonly id: string; readonly partitions: readonly { readonly leader: number }[] }
  >;
}

/** A batch of records as it is stored. */
export interface PlatformaticBatch {
  /** The place of the first. */
  readonly firstOffset: bigint;
  /** How far behind the last stands. */
  readonly lastOffsetDelta: number;
  /** Flags. */
  readonly attributes: number;
  /** Milliseconds since the Unix epoch. */
  readonly firstTimestamp: bigint;
  /** The records. */
  readonly records: readonly {
    /** How far behind the first it stands. */
    readonly offsetDelta: number;
    /** How much later it is than the first. */
    readonly timestampDelta: bigint;
    /** The key. */
    readonly key: Uint8Array | null;
    /** The value. */
    readonly value: Uint8Array | null;
    /** The headers. */
    readonly headers: readonly (readonly [Uint8Array | null, Uint8Array | null])[];
  }[];
}

/** What a broker answers to a fetch. */
export interface PlatformaticFetched {
  /** By topic. */
  readonly responses: readonly {
    /** The id of the topic. */
    readonly topicId: string;
    /** By partition. */
    readonly partitions: readonly {
      /** The partition. */
      readonly partitionIndex: number;
      /** What there is. */
      readonly records?: readonly PlatformaticBatch[] | null;
    }[];
  }[];
}

/** What is used of a consumer of `@platformatic/kafka`. */
export interface PlatformaticConsumer {
  /** By which the group knows it. */
  readonly memberId: string | null;
  /** What the group has given to it. */
  readonly assignments:
    | readonly { readonly topic: string; readonly partitions: readonly number[] }[]
    | null;
  /** The topics that it asks the group for. */
  readonly topics: { trackAll(...topics: string[]): unknown };
  /** Joins the group. */
  // deno-lint-ignore no-explicit-any -- see above
  joinGroup(options?: any): Promise<string>;
  /** Describes the cluster. */
  metadata(options: { topics: string[] }): Promise<PlatformaticMetadata>;
  /** Reads. */
  // deno-lint-ignore no-explicit-any -- see above
  fetch(options: any): Promise<PlatformaticFetched>;
  /** Notes how far the group has read. */
  // deno-lint-ignore no-explicit-any -- see above
  commit(options: any): Promise<void>;
  /** How far the group has read. */
  listCommittedOffsets(
    options: { topics: { topic: string; partitions: number[] }[] },
  ): Promise<ReadonlyMap<string, readonly bigint[]>>;
  /** Where partitions begin, or end. */
  listOffsets(
    options: { topics: string[]; partitions: Record<string, number[]>; timestamp: bigint },
  ): Promise<ReadonlyMap<string, readonly bigint[]>>;
  /** Leaves the group, and closes its connections. */
  close(force?: boolean): Promise<void>;
  /** Listens. */
  // deno-lint-ignore no-explicit-any -- its events have nothing in common
  on(event: any, listener: (...values: any[]) => void): unknown;
}
