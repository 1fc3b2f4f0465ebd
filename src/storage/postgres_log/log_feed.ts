import { SluiceError } from "../../errors.ts";
import type { Envelope } from "../../message/mod.ts";
import { decodeEnvelopes, laneOf } from "../mod.ts";
import type { PostgresLogAccess } from "../postgres/mod.ts";
import { ByteCopies } from "./byte_copies.ts";
import { LogPosition, type LogTransaction } from "./log_position.ts";
import type { LogEntry } from "./log_entry.ts";
import type { Lsn } from "./lsn.ts";
import type { LogSink } from "./replication_stream.ts";

/** A message that stands in the log and in no table. */
export interface LogMessage {
  /** Tells it from all others of the log. It is the same whenever the log is read. */
  readonly position: string;
  /** Where its entry of the log stands, and how many messages stand before it in there. */
  readonly entryLsn: number;
  readonly entryIndex: number;
  /** How many came before it. */
  readonly number: number;
  readonly transaction: LogTransaction;
  /** The name of its lane. */
  readonly lane: string;
  readonly envelope: Envelope;
  /** Why nobody can make sense of it; else undefined. Then its envelope has nothing but its bytes. */
  readonly error: unknown;
}

/** What the database has noted of a slot. */
export interface SlotNotes {
  /** The positions of messages that are done, though others in front of them are not. */
  readonly settled: readonly string[];
  /** What is added to places in the log, so that they come behind all places that tables had before. */
  readonly base: bigint;
}

/** What {@linkcode LogFeed} needs. */
export interface LogFeedOptions {
  /** Which table is meant, and what messages are called that nobody can make sense of. */
  readonly access: Pick<PostgresLogAccess, "prefix" | "schema" | "tableName">;
  /** How many messages it keeps, at most about, until they are taken. */
  readonly maxMessages: number;
  /** How many bytes their bodies may have. */
  readonly maxBytes: number;
  /** Is called when there is something to take, when rows were stored, and when the log was read further. */
  readonly onChange: (change: "messages" | "rows" | "reached") => void;
}

/**
 * What has come of the log and was not taken. It outlives connections: what a new one tells again is
 * passed over.
 */
export class LogFeed implements LogSink {
  readonly #options: LogFeedOptions;
  readonly #position: LogPosition;
  readonly #base: bigint;
  /** Messages that were done before others that stand in front of them. */
  readonly #settled: ReadonlySet<string>;
  readonly #messages: LogMessage[] = [];
  #bytes = 0;
  #count = 0;
  readonly #copies: ByteCopies = new ByteCopies();
  readonly #rows: LogTransaction[] = [];
  #transaction: LogTransaction | undefined;
  /** How many of the messages of the transaction the connection has told of. */
  #index = 0;
  /** Where the commit of the last transaction stands that has come to its end. */
  #finished: Lsn;
  #room: { readonly opened: Promise<void>; open(): void } | undefined;

  /** @param confirmed Up to where all is done. */
  constructor(options: LogFeedOptions, confirmed: Lsn, { settled, base }: SlotNotes) {
    this.#options = options;
    this.#base = base;
    this.#position = new LogPosition(confirmed);
    this.#finished = confirmed - 1n; // the next commit may stand right there
    this.#settled = new Set(settled);
  }

  /** Up to where all is done. */
  get done(): Lsn {
    return this.#position.done;
  }

  /** Up to where the log has been read. */
  get end(): Lsn {
    return this.#position.reached;
  }

  /** The positions of all messages behind {@linkcode LogFeed.done} that are not to come again. */
  get settled(): readonly string[] {
    const { done } = this;
    const ahead = [...this.#settled].filter((position) =>
      BigInt(position.split("/")[0] ?? 0) >= done
    );
    return [...new Set([...ahead, ...this.#position.settled])];
  }

  /** Whether something can be taken. */
  get hasNews(): boolean {
    return this.#messages.length > 0 || this.#rows.length > 0;
  }

  /** How many messages can be taken. */
  get size(): number {
    return this.#messages.length;
  }

  /** Takes messages, those first that were committed first. */
  take(maxMessages: number): LogMessage[] {
    const taken = this.#messages.splice(0, maxMessages);
    for (const { envelope } of taken) this.#bytes -= envelope.body.length;
    const { maxMessages: most, maxBytes } = this.#options;
    if (this.#messages.length <= most / 2 && this.#bytes <= maxBytes / 2) this.#makeRoom();
    return taken;
  }

  /**
   * The place of a message in its lane, among all that tables have of it too: later ones have greater
   * ones, as an entry has more bytes than messages.
   */
  placeOf({ entryLsn, entryIndex }: LogMessage): bigint {
    return this.#base + BigInt(entryLsn + entryIndex);
  }

  /** A message is done. */
  settle({ transaction, position }: LogMessage): void {
    transaction.open--;
    transaction.settled.push(position);
  }

  /** Takes the transactions that have stored rows. */
  takeRows(): LogTransaction[] {
    return this.#rows.splice(0);
  }

  /** The rows of a transaction are done. */
  settleRows(transaction: LogTransaction): void {
    transaction.open--;
  }

  /** Lets through what still comes, as nobody takes anything any more. */
  close(): void {
    this.take(Infinity);
  }

  begin(lsn: Lsn, xid: number, committedAt: Date): void {
    this.#index = 0;
    if (lsn <= this.#finished) {
      this.#transaction = undefined;
    } else if (this.#transaction?.lsn !== lsn) { // else the connection broke in the middle of it
      const none = { endLsn: undefined, messages: 0, hasRows: false, open: 0, settled: [] };
      this.#transaction = { lsn, name: `${lsn}/`, xid, committedAt, ...none };
      this.#position.begin(this.#transaction);
    }
  }

  get wantsRows(): boolean {
    return this.#transaction?.hasRows === false;
  }

  insert(schema: string, name: string): void {
    const { access } = this.#options;
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.hasRows || name !== access.tableName) return;
    if (access.schema !== undefined && access.schema !== schema) return;
    transaction.hasRows = true;
    transaction.open++;
    this.#rows.push(transaction);
  }

  message({ lsn: entryLsn, content }: LogEntry): void {
    const transaction = this.#transaction;
    if (transaction === undefined) return; // it has come before, or stands in none
    const wasFull = this.#isFull;
    const { envelopes, error } = contentOf(this.#copies.copy(content), this.#options.access.prefix);
    for (const [entryIndex, envelope] of envelopes.entries()) {
      const index = this.#index++;
      if (index < transaction.messages) continue;
      transaction.messages++;
      const position = transaction.name + index;
      if (this.#settled.has(position)) {
        transaction.settled.push(position);
        continue;
      }
      transaction.open++;
      const lane = laneOf(envelope);
      const number = this.#count++;
      const place = { entryLsn, entryIndex };
      this.#messages.push({ position, ...place, number, transaction, lane, envelope, error });
      this.#bytes += envelope.body.length;
    }
    if (!wasFull && this.#isFull) this.#options.onChange("messages"); // it may be long to its end
  }

  commit(endLsn: Lsn): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction === undefined) return this.reached(endLsn);
    this.#finished = transaction.lsn;
    this.#position.end(transaction, endLsn);
    if (transaction.hasRows) this.#options.onChange("rows");
    this.#options.onChange(transaction.messages > 0 ? "messages" : "reached");
  }

  reached(lsn: Lsn): void {
    this.#position.reach(lsn);
    this.#options.onChange("reached");
  }

  room(): Promise<void> | undefined {
    if (this.#room === undefined && this.#isFull) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#room = { opened: promise, open: resolve };
    }
    return this.#room?.opened;
  }

  get #isFull(): boolean {
    const { maxMessages, maxBytes } = this.#options;
    return this.#messages.length >= maxMessages || this.#bytes >= maxBytes;
  }

  #makeRoom(): void {
    this.#room?.open();
    this.#room = undefined;
  }
}

/** Bytes that make no sense are one message, so that somebody can look at them. */
function contentOf(
  content: Uint8Array,
  prefix: string,
): { readonly envelopes: readonly Envelope[]; readonly error: unknown } {
  try {
    return { envelopes: decodeEnvelopes(content), error: undefined };
  } catch (error) {
    if (error instanceof SluiceError) throw error; // a newer version may make sense of it
    const id = crypto.randomUUID();
    const envelope = {
      id,
      type: "",
      topic: prefix,
      source: "/",
      time: new Date(0),
      correlationId: id,
      contentType: "application/octet-stream",
      headers: {},
      body: content,
    };
    return { envelopes: [envelope], error };
  }
}
