/** What is used of a record that kafkajs reads. */
export interface KafkaJsMessage {
  /** The key. */
  readonly key: Uint8Array | null;
  /** The value. */
  readonly value: Uint8Array | null;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: string;
  /** The place in the partition. */
  readonly offset: string;
  /** The headers. */
  readonly headers?: Readonly<
    Record<string, Uint8Array | string | readonly (Uint8Array | string)[] | undefined>
  >;
}

/** What is used of a producer of kafkajs. */
export interface KafkaJsProducer {
  /** Connects. */
  connect(): Promise<void>;
  /** Disconnects. */
  disconnect(): Promise<void>;
  /** Sends records of a topic. */
  // deno-lint-ignore no-explicit-any -- the types of kafkajs name the class of Node's bytes
  send(record: any): Promise<unknown>;
}

/** What is used of a consumer of kafkajs. */
export interface KafkaJsConsumer {
  /** The names of its events. */
  readonly events: {
    readonly GROUP_JOIN: "consumer.group_join";
    readonly REBALANCING: "consumer.rebalancing";
    readonly CRASH: "consumer.crash";
  };
  /** Connects. */
  connect(): Promise<void>;
  /** Leaves the group, and disconnects. */
  disconnect(): Promise<void>;
  /** Says what is to be read. */
  subscribe(subscription: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  /** Joins the group, and reads. */
  // deno-lint-ignore no-explicit-any -- see above
  run(config: any): Promise<void>;
  /** Notes how far the group has read. */
  commitOffsets(
    offsets: { topic: string; partition: number; offset: string }[],
  ): Promise<void>;
  /** Goes on from there. */
  seek(place: { topic: string; partition: number; offset: string }): void;
  /** Reads no more of these. */
  pause(topics: { topic: string; partitions: number[] }[]): void;
  /** Reads these again. */
  resume(topics: { topic: string; partitions: number[] }[]): void;
  /** Listens. */
  // deno-lint-ignore no-explicit-any -- its events have nothing in common
  on(event: any, listener: (event: any) => void): unknown;
}

/** What is used of `new Kafka(...)` of the package `kafkajs`. */
export interface KafkaJsClient {
  /** Makes a producer. */
  // deno-lint-ignore no-explicit-any -- see above
  producer(config?: any): KafkaJsProducer;
  /** Makes a consumer. */
  // deno-lint-ignore no-explicit-any -- see above
  consumer(config?: any): KafkaJsConsumer;
}
