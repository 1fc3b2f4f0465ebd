import { laneOf, partitionOf, PARTITIONS } from "../mod.ts";
import type { PostgresQuery, PostgresRow } from "./client.ts";
import type { SessionStatements } from "./session_statements.ts";
import { arrayLiteral } from "./statement.ts";

/** What a session holds of a topic. */
export interface Holding {
  readonly topic: string;
  readonly partition: number;
  /** What the names of lanes of the topic begin with, if they have a key. */
  readonly keyed: string;
  /** The same without a key. */
  readonly lonely: string;
  /** How many rows of it were given and are not settled. */
  inFlight: number;
  /** Up to where the pass has read it. */
  cursor: string;
  /** How many rows of it the last statement has found. */
  count: number;
  /** Up to where nothing can come any more; see {@linkcode LowWater}. */
  mark: string;
  /** Whether the pass has left something out that is to be read again. */
  isRewound: boolean;
  /** Whether another session is to have it: then it is not read, and let go when nothing is in flight. */
  isLeft: boolean;
}

/** What {@linkcode SessionStatements.survey} finds out beside rows. */
export interface Survey {
  readonly snapshot: string;
  /** The sessions that live, each with its topics. */
  readonly relays: ReadonlyArray<readonly [owner: string, topics: readonly string[] | null]> | null;
  /** Whether there are sessions that were silent for too long. */
  readonly isReapable: boolean;
  /** Whether others hold something. */
  readonly hasOthers: boolean;
  /** The topics with something to read of which partitions are free. */
  readonly open: readonly string[] | null;
  /** Whether there are blocked lanes. */
  readonly hasLanes: boolean;
}

/** How {@linkcode Holdings} works. */
export interface HoldingsOptions {
  readonly query: PostgresQuery;
  readonly statements: SessionStatements;
  readonly topics: readonly string[] | undefined;
  readonly leaseMs: number;
}

/** The longest lease that leaves the database a time that it knows: about 30 years. */
const MAX_LEASE_MS = 1e12;

/**
 * The part of the outbox that a session has for itself: whole partitions of topics. Which ones are its
 * share follows from which sessions live and which topics they take, in the same way for each of them.
 */
export class Holdings {
  readonly #query: PostgresQuery;
  readonly #statements: SessionStatements;
  readonly #topics: readonly string[] | undefined;
  readonly #leaseMs: string;
  readonly #held: Map<string, Holding> = new Map();
  #owner: string | undefined;
  #registering: Promise<string> | undefined;

  constructor({ query, statements, topics, leaseMs }: HoldingsOptions) {
    this.#query = query;
    this.#statements = statements;
    this.#topics = topics;
    this.#leaseMs = String(Math.min(leaseMs, MAX_LEASE_MS));
  }

  /** The name of the session while it is registered. It never comes again. */
  get owner(): string | undefined {
    return this.#owner;
  }

  get size(): number {
    return this.#held.size;
  }

  /** What is to be read. */
  get read(): Holding[] {
    return [...this.#held.values()].filter(({ isLeft }) => !isLeft);
  }

  has({ topic, partition }: Holding): boolean {
    return this.#held.has(nameOf(topic, partition));
  }

  /** Says that the session lives; whether it did. */
  async keep(): Promise<boolean> {
    if (this.#owner === undefined) return true;
    const rows = await this.#query(this.#statements.keep, [this.#owner, this.#leaseMs]);
    return rows.length > 0;
  }

  /** Forgets what the session has lost. */
  forget(): void {
    this.#owner = undefined;
    this.#held.clear();
  }

  /** Lets everything go. */
  async leave(): Promise<void> {
    const owner = this.#owner;
    this.forget();
    if (owner !== undefined) await this.#query(this.#statements.leave, [owner]);
  }

  async reap(): Promise<void> {
    await this.#query(this.#statements.reap);
  }

  /** Takes what is free and this session's share, and leaves what is another's; whether there is more to read now. */
  async share({ relays, hasOthers, open }: Survey): Promise<boolean> {
    const topics = open ?? [];
    const others = (relays ?? []).filter(([owner]) => owner !== this.#owner);
    // Whoever waits for a share has to be known to those who have it.
    if (topics.length > 0 || hasOthers) await this.register();
    const owner = this.#owner;
    if (owner === undefined) return false;
    const shares = sharesOf([...others, [owner, this.#topics ?? null]]);
    let isMore = false;
    for (const holding of this.#held.values()) {
      const isLeft = shares(holding.topic, holding.partition) !== owner;
      isMore ||= holding.isLeft && !isLeft;
      holding.isLeft = isLeft;
    }
    await this.releaseIdle();
    const mine = topics.flatMap((topic) => partitionsOf(topic))
      .filter(([topic, partition]) =>
        shares(topic, partition) === owner && !this.#held.has(nameOf(topic, partition))
      );
    return await this.#take(owner, mine) || isMore;
  }

  /** Lets go of what is left as soon as none of its rows is in flight. */
  async releaseIdle(): Promise<void> {
    const idle = [...this.#held].filter(([, { isLeft, inFlight }]) => isLeft && inFlight === 0);
    if (idle.length === 0 || this.#owner === undefined) return;
    for (const [name] of idle) this.#held.delete(name);
    const pairs = idle.map(([, { topic, partition }]) => [topic, partition] as const);
    try {
      await this.#query(this.#statements.release, [this.#owner, ...columnsOf(pairs)]);
    } catch (error) {
      for (const [name, holding] of idle) this.#held.set(name, holding);
      throw error;
    }
  }

  /** Makes the session known to others, and resolves to its name. */
  async register(): Promise<string> {
    if (this.#owner !== undefined) return this.#owner;
    this.#registering ??= this.#register().finally(() => this.#registering = undefined);
    return await this.#registering;
  }

  async #register(): Promise<string> {
    const owner = crypto.randomUUID();
    const topics = this.#topics === undefined ? null : arrayLiteral(this.#topics);
    await this.#query(this.#statements.register, [owner, this.#leaseMs, topics]);
    return this.#owner = owner;
  }

  async #take(owner: string, pairs: readonly Pair[]): Promise<boolean> {
    if (pairs.length === 0) return false;
    const rows = await this.#query(this.#statements.take, [owner, ...columnsOf(pairs)]);
    for (const row of rows) this.#add(row);
    return rows.length > 0;
  }

  #add(row: PostgresRow): void {
    const topic = String(row.topic);
    const partition = Number(row.partition);
    this.#held.set(nameOf(topic, partition), {
      topic,
      partition,
      keyed: laneOf({ topic, key: "", id: "" }),
      lonely: laneOf({ topic, id: "" }),
      inFlight: 0,
      cursor: "0",
      count: 0,
      mark: "0",
      isRewound: false,
      isLeft: false,
    });
  }
}

type Pair = readonly [topic: string, partition: number];

function nameOf(topic: string, partition: number): string {
  return `${partition} ${topic}`;
}

function partitionsOf(topic: string): Pair[] {
  return Array.from({ length: PARTITIONS }, (_, partition) => [topic, partition]);
}

function columnsOf(pairs: readonly Pair[]): [topics: string, partitions: string] {
  return [
    arrayLiteral(pairs.map(([topic]) => topic)),
    arrayLiteral(pairs.map(([, partition]) => partition)),
  ];
}

/** Deals the partitions of each topic out in turn, beginning with another session for each topic. */
function sharesOf(
  relays: ReadonlyArray<readonly [owner: string, topics: readonly string[] | null]>,
): (topic: string, partition: number) => string | undefined {
  const sorted = [...relays].sort(([a], [b]) => a < b ? -1 : 1);
  const takers = new Map<string, readonly string[]>();
  return (topic, partition) => {
    let owners = takers.get(topic);
    if (owners === undefined) {
      owners = sorted.filter(([, topics]) => topics === null || topics.includes(topic))
        .map(([owner]) => owner);
      takers.set(topic, owners);
    }
    return owners[(partition + partitionOf(topic)) % owners.length];
  };
}
