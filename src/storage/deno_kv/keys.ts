import type { DenoKvKey, DenoKvKeyPart } from "./deno_kv.ts";
import { utf8Size } from "./key_size.ts";

/**
 * Where everything of a storage is kept. `P` is its prefix; `pair` is a topic and a partition of it,
 * `place` a place in the order of a lane (see `place.ts`), `row` a stored message (see `stored_row.ts`).
 *
 * ```text
 * P schema                                   the version of this layout
 * P hold   clock                             written with every message that is stored
 * P hold   lease     topic                   which relay holds which partition
 * P hold   relay     relay                   what a relay takes, and until when it lives
 * P queue  pair      place                   rows that can be read (see `bundle.ts`)
 * P queue  pair      dueMs   lane   ticket   a lane to look at, not before that time
 * P lane   pair      lane                    a lane whose rows may not be read from the queue
 * P wait   pair      lane    place           a row of such a lane, or the mark of a dead letter
 * P body   place     n                       the n-th part of a body that is too large for its row
 * P dead   diedAtMs  place                   a dead letter
 * P id     id        place                   when the dead letter with that id was given up
 * P done   doneAtMs  place                   a row that was published and is kept
 * P in     kind      scope   name            a message of a consumer, or a key that was claimed
 * P inAge  atMs      kind    scope  name     when that was changed last
 * P inDead diedAtMs  place                   a dead letter of a consumer
 * P inId   consumer  id      place           when the dead letter with that id was given up
 * P inClock                                  written with every dead letter of a consumer
 * P saga     id                              a saga (see `saga_entry.ts`)
 * P saga     id   "log"  number              an entry of its log, maybe with the one behind it
 * P saga     id   "mail" signal              a signal that waits for it
 * P saga     id   "text" kind  number  n     the n-th part of a text that is too large for its entry
 * P sagaDue  dueMs    id   name              a saga that is not due before that time
 * P sagaIs   state  startedMs  order id name a saga that stands so
 * P sagaOver atMs   id                       a saga that was completed or compensated and last written
 * P sagaLate                                 how many signals came too late
 * P replay …                                 runs of streams (see `replay_exchange.ts`)
 * ```
 */
export class Keys {
  readonly #prefix: DenoKvKey;
  /** How many parts stand before what differs within each kind of key. */
  readonly depth: number;
  readonly schema: DenoKvKey;
  readonly hold: DenoKvKey;
  readonly clock: DenoKvKey;
  readonly queue: DenoKvKey;
  readonly lanes: DenoKvKey;
  readonly wait: DenoKvKey;
  readonly dead: DenoKvKey;
  readonly done: DenoKvKey;
  readonly inboxAges: DenoKvKey;
  readonly inboxDead: DenoKvKey;
  readonly inboxClock: DenoKvKey;
  readonly sagasDue: DenoKvKey;
  readonly sagasOver: DenoKvKey;
  readonly sagaLate: DenoKvKey;

  constructor(prefix: DenoKvKey) {
    this.#prefix = [...prefix];
    this.depth = prefix.length + 1;
    this.schema = this.#key("schema");
    this.hold = this.#key("hold");
    this.clock = this.#key("hold", "clock");
    this.queue = this.#key("queue");
    this.lanes = this.#key("lane");
    this.wait = this.#key("wait");
    this.dead = this.#key("dead");
    this.done = this.#key("done");
    this.inboxAges = this.#key("inAge");
    this.inboxDead = this.#key("inDead");
    this.inboxClock = this.#key("inClock");
    this.sagasDue = this.#key("sagaDue");
    this.sagasOver = this.#key("sagaOver");
    this.sagaLate = this.#key("sagaLate");
  }

  lease(topic: string): DenoKvKey {
    return this.#key("hold", "lease", topic);
  }

  relay(id: string): DenoKvKey {
    return this.#key("hold", "relay", id);
  }

  /** All partitions of a topic. */
  topic(topic: string): { readonly start: DenoKvKey; readonly end: DenoKvKey } {
    return { start: this.#key("queue", topic + SEPARATOR), end: this.behindTopic(topic) };
  }

  /** Where what comes behind a topic begins. */
  behindTopic(topic: string): DenoKvKey {
    return this.#key("queue", topic + BEHIND_SEPARATOR);
  }

  /** All of a partition: its rows, and behind them its tickets, as numbers come behind texts. */
  partition({ name }: Pair): DenoKvKey {
    return this.#key("queue", name);
  }

  row({ name }: Pair, place: string): DenoKvKey {
    return this.#key("queue", name, place);
  }

  /** Where the tickets of a partition begin that are due at a time or later. */
  ticketsFrom({ name }: Pair, dueMs: number): DenoKvKey {
    return this.#key("queue", name, dueMs);
  }

  ticket({ name }: Pair, { dueMs, lane, id }: Ticket): DenoKvKey {
    return this.#key("queue", name, dueMs, lane, id);
  }

  lanesOf({ name }: Pair): DenoKvKey {
    return this.#key("lane", name);
  }

  lane({ name }: Pair, lane: string): DenoKvKey {
    return this.#key("lane", name, lane);
  }

  waiting({ name }: Pair, lane: string): DenoKvKey {
    return this.#key("wait", name, lane);
  }

  waitingRow({ name }: Pair, lane: string, place: string): DenoKvKey {
    return this.#key("wait", name, lane, place);
  }

  body(place: string, n: number): DenoKvKey {
    return this.#key("body", place, n);
  }

  deadLetter(diedAtMs: number, place: string): DenoKvKey {
    return this.#key("dead", diedAtMs, place);
  }

  deadLetterIds(id: string): DenoKvKey {
    return this.#key("id", id);
  }

  deadLetterId(id: string, place: string): DenoKvKey {
    return this.#key("id", id, place);
  }

  doneFrom(doneAtMs: number): DenoKvKey {
    return this.#key("done", doneAtMs);
  }

  doneRow(doneAtMs: number, place: string): DenoKvKey {
    return this.#key("done", doneAtMs, place);
  }

  inboxEntry({ kind, scope, name }: InboxName): DenoKvKey {
    return this.#key("in", kind, scope, name);
  }

  /** Where what was changed at a time or later begins. */
  inboxAgesFrom(atMs: number): DenoKvKey {
    return this.#key("inAge", atMs);
  }

  inboxAge(atMs: number, { kind, scope, name }: InboxName): DenoKvKey {
    return this.#key("inAge", atMs, kind, scope, name);
  }

  inboxLetter(diedAtMs: number, place: string): DenoKvKey {
    return this.#key("inDead", diedAtMs, place);
  }

  inboxLetterIds(consumer: string, id: string): DenoKvKey {
    return this.#key("inId", consumer, id);
  }

  inboxLetterId(consumer: string, id: string, place: string): DenoKvKey {
    return this.#key("inId", consumer, id, place);
  }

  /** A saga; the keys that begin with it are what belongs to the saga. */
  saga(id: string): DenoKvKey {
    return this.#key("saga", id);
  }

  /** A saga and its log. */
  sagaWithLog(id: string): { readonly start: DenoKvKey; readonly end: DenoKvKey } {
    return { start: this.saga(id), end: this.sagaMail(id) };
  }

  sagaLogEntry(id: string, number: number): DenoKvKey {
    return this.#key("saga", id, "log", number);
  }

  sagaMail(id: string): DenoKvKey {
    return this.#key("saga", id, "mail");
  }

  sagaSignal(id: string, signal: string): DenoKvKey {
    return this.#key("saga", id, "mail", signal);
  }

  sagaText(id: string, { kind, number }: SagaTextName, n: number): DenoKvKey {
    return this.#key("saga", id, "text", kind, number, n);
  }

  /** Where the sagas begin that are due at a time or later. */
  sagasDueFrom(dueMs: number): DenoKvKey {
    return this.#key("sagaDue", dueMs);
  }

  sagaDue(dueMs: number, { id, definition }: SagaName): DenoKvKey {
    return this.#key("sagaDue", dueMs, id, definition);
  }

  sagasThatAre(state: string): DenoKvKey {
    return this.#key("sagaIs", state);
  }

  /** Where those of them begin that were started at a time or later. */
  sagasStartedFrom(state: string, startedMs: number, order?: number): DenoKvKey {
    return this.#key("sagaIs", state, startedMs, ...(order === undefined ? [] : [order]));
  }

  sagaState(state: string, [startedMs, order]: SagaPlace, { id, definition }: SagaName): DenoKvKey {
    return this.#key("sagaIs", state, startedMs, order, id, definition);
  }

  /** Where the sagas begin that were last written at a time or later, and are over. */
  sagasOverFrom(atMs: number): DenoKvKey {
    return this.#key("sagaOver", atMs);
  }

  sagaOver(atMs: number, id: string): DenoKvKey {
    return this.#key("sagaOver", atMs, id);
  }

  #key(...parts: readonly DenoKvKeyPart[]): DenoKvKey {
    return [...this.#prefix, ...parts];
  }
}

/** A part of the lanes of a topic, which one relay at a time holds; both as they are in keys. */
export interface Pair {
  readonly topic: string;
  /** Of topic and partition. */
  readonly name: string;
}

/** What stands between the topic and the partition in a name, and in no topic as it is in keys. */
const SEPARATOR = "\0";

/** The next character. */
const BEHIND_SEPARATOR = "\u0001";

/** A partition of a topic. */
export function pairOf(topic: string, partition: number): Pair {
  return { topic, name: topic + SEPARATOR + partition.toString(36) };
}

/** The partition of a topic that has a name. */
export function pairNamed(name: string): Pair {
  return { topic: name.slice(0, name.indexOf(SEPARATOR)), name };
}

/** A reminder to look at a lane. */
export interface Ticket {
  /** Not before this time. */
  readonly dueMs: number;
  /** The lane as it is in keys. */
  readonly lane: string;
  /** Tells it from others of the lane. */
  readonly id: string;
}

/** What an inbox knows something of; all as it is in keys. */
export interface InboxName {
  readonly kind: "message" | "claim";
  /** The consumer of the message, or the scope of the key. */
  readonly scope: string;
  /** The id of the message, or the key. */
  readonly name: string;
}

/** A saga and its definition, both as they are in keys. */
export interface SagaName {
  readonly id: string;
  /** The name of its definition. */
  readonly definition: string;
}

/** Where a saga stands among all: when it was started, and what tells it from others of that time. */
export type SagaPlace = readonly [startedMs: number, order: number];

/** A text of a saga that has keys of its own: the context of a revision, or the one of an entry with a number. */
export interface SagaTextName {
  readonly kind: "context" | "log" | "mail";
  readonly number: number;
}

/** How many bytes a text may have that stands in keys as it is. */
const MAX_TEXT_BYTES = 200;

/**
 * A text as a part of keys. Keys have little room, and only well-formed text is told apart in them, so
 * for other text stands a digest of it, which takes a moment.
 */
export function keyText(text: string): string | Promise<string> {
  const isShort = 3 * text.length <= MAX_TEXT_BYTES || utf8Size(text) <= MAX_TEXT_BYTES;
  const isPlain = isShort && text.isWellFormed() && text[0] !== DIGEST && !text.includes(SEPARATOR);
  return isPlain ? text : digestOf(text);
}

/** What a digest begins with; text that does too has one as well. */
const DIGEST = "\u0002";

async function digestOf(text: string): Promise<string> {
  const units = Uint16Array.from({ length: text.length }, (_, n) => text.charCodeAt(n));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", units));
  return DIGEST + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
