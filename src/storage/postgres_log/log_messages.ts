import { LeaseLostError, type OutboxOutcome, type OutboxRow } from "../mod.ts";
import type { LogFeed, LogMessage } from "./log_feed.ts";
import type { LogStore } from "./log_store.ts";
import { blocksLane, burialOf, moveOf, type PlacedMove } from "./move.ts";

/** What {@linkcode LogMessages} works on. */
export interface LogMessagesOptions {
  readonly feed: LogFeed;
  readonly store: LogStore;
  /** The name of the session. */
  readonly owner: string;
  readonly topics: readonly string[] | undefined;
  /** The names of lanes of which messages wait in a table. */
  readonly blocked: ReadonlySet<string>;
  /** Is told how long the session has left. */
  readonly onLease: (leftMs: number) => Promise<void>;
}

/** How many messages may be left out, at most about, until what was turned back comes again. */
const MAX_LEFT_OUT = 1_000;

/**
 * The messages of the log that a session gives, in the order of their lanes. What is not published at
 * once leaves the log for a table, so that the log need not be kept for it. What comes behind it in its
 * lane follows it, until the table has nothing of that lane any more.
 */
export class LogMessages {
  readonly #options: LogMessagesOptions;
  readonly #inFlight: Map<string, LogMessage> = new Map();
  /** How many messages of each lane are in flight. */
  readonly #lanes: Map<string, number> = new Map();
  readonly #blocked: Set<string>;
  /** Lanes of which a message came back, or is just being moved: nothing of them is given for the moment. */
  readonly #turnedBack: Set<string> = new Set();
  /** What was taken from the feed and is to be given, in the order of the log. */
  #next: LogMessage[] = [];

  constructor(options: LogMessagesOptions) {
    this.#options = options;
    this.#blocked = new Set(options.blocked);
  }

  has(position: string): boolean {
    return this.#inFlight.has(position);
  }

  /**
   * Takes what is there.
   *
   * @throws {LeaseLostError} If the session has lost the slot.
   */
  async take(maxRows: number): Promise<OutboxRow[]> {
    for (;;) {
      const taken = this.#pick(maxRows);
      if (taken.length === 0) return [];
      const free = await this.#sort(taken);
      // Meanwhile something in front of them may have failed.
      const held = free.filter(({ lane }) => this.#isHeld(lane));
      const given = held.length === 0 ? free : free.filter(({ lane }) => !this.#isHeld(lane));
      this.#putBack(held);
      if (given.length > 0) return given.map((message) => this.#give(message));
    }
  }

  /**
   * Writes down what became of messages that are in flight; whether some are in a table now.
   *
   * @throws {LeaseLostError} If the session has lost the slot; nothing is written then.
   */
  async settle(outcomes: readonly OutboxOutcome[]): Promise<boolean> {
    const { feed, store, owner, onLease } = this.#options;
    const done: LogMessage[] = [];
    const returned: LogMessage[] = [];
    const moves: PlacedMove[] = [];
    for (const outcome of outcomes) {
      const message = this.#messageOf(outcome);
      (outcome.outcome === "returned" ? returned : done).push(message);
      const move = moveOf(message, outcome);
      if (move !== undefined) moves.push({ ...move, place: feed.placeOf(message) });
    }
    const blocking = moves.filter(blocksLane).map(({ message }) => message);
    for (const { lane } of [...returned, ...blocking]) this.#turnedBack.add(lane);
    const leftMs = moves.length === 0
      ? await store.leftMs(owner)
      : await store.move(owner, this.#settledWith(done), moves);
    if (leftMs === undefined) throw new LeaseLostError();
    for (const { lane } of blocking) this.#blocked.add(lane);
    for (const message of done) this.#land(message);
    for (const message of returned) this.#land(message);
    this.#finish(done);
    this.#putBack(returned);
    await onLease(leftMs);
    return moves.length > 0;
  }

  #isHeld(lane: string): boolean {
    return this.#turnedBack.has(lane) || this.#blocked.has(lane);
  }

  /** The next messages, in the order of the log, but for lanes that are turned back. */
  #pick(maxRows: number): LogMessage[] {
    const { feed } = this.#options;
    const picked: LogMessage[] = [];
    const left: LogMessage[] = [];
    const look = (message: LogMessage) => {
      const isLeft = picked.length >= maxRows || this.#turnedBack.has(message.lane);
      (isLeft ? left : picked).push(message);
    };
    this.#next.forEach(look);
    while (picked.length < maxRows && feed.size > 0 && left.length < MAX_LEFT_OUT) {
      feed.take(maxRows - picked.length).forEach(look);
    }
    this.#next = left;
    return picked;
  }

  /** Puts into tables what belongs there, and resolves to the others. */
  async #sort(picked: readonly LogMessage[]): Promise<readonly LogMessage[]> {
    const moves = picked.flatMap((message) => this.#unreadMoveOf(message));
    const isBlocked = this.#blocked.size > 0 && picked.some(({ lane }) => this.#blocked.has(lane));
    if (moves.length === 0 && !isBlocked) return picked;
    let rest = picked;
    try {
      if (moves.length > 0) {
        await this.#move(moves);
        const moved = new Set(moves.map(({ message }) => message));
        rest = rest.filter((message) => !moved.has(message));
      }
      const moved = await this.#divert(rest.filter(({ lane }) => this.#blocked.has(lane)));
      return rest.filter(({ position }) => !moved.has(position));
    } catch (error) {
      this.#putBack(rest);
      throw error;
    }
  }

  async #move(moves: readonly PlacedMove[]): Promise<void> {
    const { store, owner } = this.#options;
    const messages = moves.map(({ message }) => message);
    const leftMs = await store.move(owner, this.#settledWith(messages), moves);
    if (leftMs === undefined) throw new LeaseLostError();
    for (const { message } of moves.filter(blocksLane)) this.#blocked.add(message.lane);
    this.#finish(messages);
  }

  /** Puts messages behind those of their lanes that wait in a table; resolves to which, as others need not wait. */
  async #divert(messages: readonly LogMessage[]): Promise<ReadonlySet<string>> {
    if (messages.length === 0) return new Set();
    const { feed, store, owner } = this.#options;
    const moves = messages.map((message): PlacedMove => ({
      message,
      place: feed.placeOf(message),
      o: "h",
    }));
    const result = await store.divert(owner, feed.settled, moves);
    if (result === undefined) throw new LeaseLostError();
    for (const { lane, position } of messages) {
      if (!result.has(position)) this.#blocked.delete(lane);
    }
    this.#finish(messages.filter(({ position }) => result.has(position)));
    return result;
  }

  /** Messages of topics that the session does not take go where others find them. */
  #unreadMoveOf(message: LogMessage): PlacedMove[] {
    const { feed, topics } = this.#options;
    const isTaken = topics === undefined || topics.includes(message.envelope.topic);
    if (message.error === undefined && isTaken) return [];
    const place = feed.placeOf(message);
    return [
      message.error === undefined ? { message, place, o: "h" } : { ...burialOf(message), place },
    ];
  }

  #give(message: LogMessage): OutboxRow {
    const { position, lane, envelope } = message;
    this.#inFlight.set(position, message);
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
    return { position, lane, attempts: 0, envelope };
  }

  #land({ position, lane }: LogMessage): void {
    this.#inFlight.delete(position);
    const left = (this.#lanes.get(lane) ?? 0) - 1;
    if (left > 0) return void this.#lanes.set(lane, left);
    this.#lanes.delete(lane);
    this.#turnedBack.delete(lane);
  }

  #finish(messages: readonly LogMessage[]): void {
    for (const message of messages) this.#options.feed.settle(message);
  }

  /** Gives messages their places again among those that are to be given. */
  #putBack(messages: readonly LogMessage[]): void {
    if (messages.length === 0) return;
    this.#next = [...messages, ...this.#next].sort((a, b) => a.number - b.number);
  }

  #settledWith(messages: readonly LogMessage[]): string[] {
    return [...this.#options.feed.settled, ...messages.map(({ position }) => position)];
  }

  #messageOf({ row: { position, envelope } }: OutboxOutcome): LogMessage {
    const message = this.#inFlight.get(position);
    if (message !== undefined) return message;
    throw new TypeError(`Cannot settle "${envelope.id}" as this session does not have it`);
  }
}
