import type { Clock } from "../../clock.ts";
import type { Backoff } from "../../resilience/mod.ts";
import {
  LeaseLostError,
  leaseMsOf,
  maxRowsOf,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSession,
  type OutboxSessionOptions,
} from "../mod.ts";
import type { PostgresLogAccess } from "../postgres/mod.ts";
import { claimSlot } from "./log_claim.ts";
import type { LogHold } from "./log_hold.ts";
import { LogReader, type LogStream, type LogTailEvent } from "./log_reader.ts";
import type { LogStore } from "./log_store.ts";
import type { Lsn } from "./lsn.ts";
import type { LogSink } from "./replication_stream.ts";
import type { SlotState } from "./slot.ts";

/** What {@linkcode LogTailSession} works with. */
export interface LogTailParts {
  readonly access: PostgresLogAccess;
  readonly store: LogStore;
  readonly pollMs: number;
  readonly standbyMs: number;
  readonly backoff: Backoff;
  readonly clock: Clock;
  /** Looks at the slot. */
  look(): Promise<SlotState>;
  /** Begins to read through it. */
  open(confirmed: Lsn, sink: LogSink, signal: AbortSignal): Promise<LogStream>;
  /** Is told what happens to the connection. */
  readonly onEvent: (event: LogTailEvent) => void;
  /** Is called when there is something to read. */
  readonly onWake: (from: "log" | "table") => void;
}

/** How long a read waits for the log to come to where it ends, in milliseconds. */
const CATCH_UP_MS = 1_000;
/** How long the server is not told of what is done while there is more to do, in milliseconds. */
const BUSY_MS = 20;
/** The same while the log has nothing to read but what is of no use here. */
const IDLE_MS = 1_000;
/** How often a session that leaves looks whether the server knows what is done. */
const MAX_LOOKS = 100;
/** When the tables are looked at as a whole after rows were found quickly, in milliseconds. */
const LOOK_MS = 100;
/** The same after rows were not found, in milliseconds. */
const LATE_LOOK_MS = 10;

/** A session of a relay that reads the log through a slot. Without the slot it gives nothing, and waits for it. */
export class LogTailSession implements OutboxSession {
  readonly #parts: LogTailParts;
  readonly #options: OutboxSessionOptions;
  readonly #reader: LogReader;
  readonly #end: AbortController = new AbortController();
  readonly #waiting: Set<() => void> = new Set();
  #hold: LogHold | undefined;
  #hasCaughtUp = false;
  #acknowledgedAtMs = -Infinity;
  #cancelLateLook: (() => void) | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #leaving: Promise<void> | undefined;

  /** @throws {RangeError} If `leaseMs` is out of its range. */
  constructor(parts: LogTailParts, options: OutboxSessionOptions) {
    leaseMsOf(options);
    this.#parts = parts;
    this.#options = options;
    this.#reader = new LogReader({
      ...parts,
      terminate: (pid) => parts.store.terminate(pid),
      claim: (slot) => this.#claim(slot),
      open: (confirmed, signal) => this.#open(confirmed, signal),
      onEvent: (event) => {
        parts.onEvent(event);
        if (event.type === "reading") parts.onWake("log");
      },
    });
  }

  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    const limit = maxRowsOf(maxRows);
    this.#checkOpen();
    const reading = this.#guard(() => this.#read(limit));
    this.#reading = reading.catch(() => {});
    const rows = await reading;
    this.#checkOpen();
    return rows;
  }

  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    this.#checkOpen();
    const [outcome] = outcomes;
    if (outcome === undefined) return;
    const hold = this.#hold;
    if (hold === undefined) {
      const { id } = outcome.row.envelope;
      throw new TypeError(`Cannot settle "${id}" as this session does not have it`);
    }
    await this.#guard(() => hold.settle(outcomes));
    this.#acknowledgeAfter(BUSY_MS, hold);
  }

  async keep(): Promise<void> {
    this.#checkOpen();
    await this.#guard(async () => await this.#hold?.session.keep());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    return this.#leaving ??= this.#leave();
  }

  async #read(limit: number): Promise<readonly OutboxRow[]> {
    await this.#reader.look();
    const { failure } = this.#reader;
    if (failure !== undefined) throw failure.error;
    const hold = this.#hold;
    if (hold === undefined) return [];
    const isWhole = hold.isTableDue && this.#parts.pollMs === 0;
    let rows = await hold.read(limit);
    if (rows.length === 0 && (isWhole || !this.#hasCaughtUp)) {
      await this.#catchUp(hold);
      rows = await hold.read(limit);
    }
    if (rows.length > 0) return rows;
    this.#acknowledge(hold);
    this.#lookLater(hold);
    return [];
  }

  /** Waits for the log to come to where it ends now. */
  async #catchUp({ feed }: LogHold): Promise<void> {
    const { store, clock } = this.#parts;
    const end = await store.end();
    let isLate = false;
    const cancel = clock.setTimer(() => {
      isLate = true;
      this.#wakeWaiting();
    }, CATCH_UP_MS);
    this.#reader.ask();
    const isComing = () => feed.end < end && !feed.hasNews && this.#reader.isReading;
    while (isComing() && !isLate && !this.#end.signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    cancel();
    this.#hasCaughtUp ||= feed.end >= end;
  }

  /**
   * Rows that were found quickly may not be all. And a transaction is in the log a moment before others
   * see its rows; or longer, if its commit waits for other servers.
   */
  #lookLater(hold: LogHold): void {
    const { unseenRows } = hold;
    if (unseenRows === "none") return;
    this.#cancelLateLook ??= this.#parts.clock.setTimer(() => {
      this.#cancelLateLook = undefined;
      hold.makeTableDue();
      this.#parts.onWake("table");
    }, unseenRows === "late" ? LATE_LOOK_MS : LOOK_MS);
  }

  #onChange(change: "messages" | "rows" | "reached"): void {
    this.#wakeWaiting();
    const hold = this.#hold;
    if (hold === undefined || this.#end.signal.aborted) return;
    const { onWake } = this.#parts;
    if (change === "messages") {
      onWake("log");
    } else if (change === "rows") {
      hold.makeTableDue();
      onWake("table");
    } else {
      this.#acknowledgeAfter(IDLE_MS, hold);
    }
  }

  #wakeWaiting(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Whoever reads until there is nothing tells the server in the end. */
  #acknowledgeAfter(durationMs: number, hold: LogHold): void {
    if (this.#parts.clock.now() - this.#acknowledgedAtMs >= durationMs) this.#acknowledge(hold);
  }

  #acknowledge({ feed }: LogHold): void {
    this.#acknowledgedAtMs = this.#parts.clock.now();
    this.#reader.acknowledge(feed.done);
  }

  async #claim(slot: SlotState): Promise<string | undefined> {
    const { clock } = this.#parts;
    this.#hold = await claimSlot({
      ...this.#parts,
      session: this.#options,
      now: () => clock.now(),
      onChange: (change) => this.#onChange(change),
    }, slot);
    return this.#hold?.owner;
  }

  async #open(confirmed: Lsn, signal: AbortSignal): Promise<LogStream> {
    if (this.#hold === undefined) throw new LeaseLostError();
    return await this.#parts.open(confirmed, this.#hold.feed, signal);
  }

  #checkOpen(): void {
    if (this.#end.signal.aborted) throw new LeaseLostError();
  }

  /** A session that has lost what it held lets go of the slot at once. */
  async #guard<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof LeaseLostError) this[Symbol.asyncDispose]().catch(() => {});
      throw error;
    }
  }

  async #leave(): Promise<void> {
    this.#cancelLateLook?.();
    this.#wakeWaiting();
    if (!this.#reader.isReading) await this.#reader.stop();
    try {
      if (this.#hold !== undefined) await this.#finish(this.#hold);
    } finally {
      await this.#reader.stop();
      await this.#hold?.session[Symbol.asyncDispose]();
    }
  }

  /** Sees to it that what is done does not come again, while nobody can have taken the slot over. */
  async #finish({ owner, feed }: LogHold): Promise<void> {
    const { store } = this.#parts;
    await this.#reading;
    feed.close();
    const { done } = feed;
    if (!await store.note(owner, feed.settled)) return;
    if (!this.#reader.isReading) return await store.advance(done);
    this.#reader.acknowledge(done);
    await this.#untilConfirmed(owner, done);
  }

  /** Whoever takes the slot over ends the connection, on which the server may not have read yet what is done. */
  async #untilConfirmed(owner: string, done: Lsn): Promise<void> {
    for (let looks = 0; looks < MAX_LOOKS && this.#reader.isReading; looks++) {
      const slot = await this.#parts.look();
      if (slot.owner !== owner || (slot.confirmed ?? 0n) >= done) return;
    }
  }
}
