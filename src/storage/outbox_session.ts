import { SluiceError } from "../errors.ts";
import type { Envelope } from "../message/mod.ts";

/** How a session takes its share of an outbox. */
export interface OutboxSessionOptions {
  /**
   * The topics whose messages it takes. Sessions with other topics do not wait for it, even if some
   * topics are in both.
   *
   * @default all topics
   */
  readonly topics?: readonly string[] | undefined;
  /**
   * How long what the session holds stays its own without {@linkcode OutboxSession.keep}, in
   * milliseconds, a finite number above 0, by the clock of the database.
   */
  readonly leaseMs: number;
}

/** A stored message that a session has read. */
export interface OutboxRow {
  /** Tells it from all other rows that the session reads. */
  readonly position: string;
  /**
   * Names its lane among all that the session reads, as {@linkcode laneOf} does. Messages of one lane
   * leave in their order: those of one topic and key; one without a key is a lane by itself.
   */
  readonly lane: string;
  /** How often it was tried and failed. */
  readonly attempts: number;
  /** The message. */
  readonly envelope: Envelope;
}

/**
 * What became of a row that a session has read:
 *
 * - `published`: the broker has confirmed it, so it leaves the outbox.
 * - `failed`: it was tried, and is tried again `retryAfterMs` milliseconds from now. Its lane waits that long.
 * - `dead`: it was tried for the last time, and becomes a dead letter. What stands behind it in its lane, or is
 *   stored there later, is parked until somebody requeues or discards it; or goes on at once if `continues`. One
 *   without a key parks nothing.
 * - `held`: it was not tried, as a row before it in its lane failed; it comes again behind that.
 * - `returned`: it was not tried, and may come again at once.
 */
export type OutboxOutcome =
  | { readonly row: OutboxRow; readonly outcome: "published" | "held" | "returned" }
  | {
    readonly row: OutboxRow;
    readonly outcome: "failed";
    readonly error: string;
    readonly retryAfterMs: number;
  }
  | {
    readonly row: OutboxRow;
    readonly outcome: "dead";
    readonly error: string;
    readonly continues: boolean;
  };

/**
 * A relay's hold on a part of an outbox. Messages are spread over partitions by topic and key; a
 * session holds some of them for itself, as long as it says in time that it lives, and shares them
 * with the sessions of other relays.
 *
 * Its methods may be called concurrently, but `read` not with itself. One that was silent for
 * `leaseMs` while it held something has lost all of it, even if nobody has taken it over, and stays
 * lost: each of its methods throws from then on.
 */
export interface OutboxSession extends AsyncDisposable {
  /**
   * Reads the next rows, in the order of their lanes, and takes partitions that are free. It gives no
   * row again that it has given before and that is not settled.
   *
   * Rows whose lane waits or is parked are not given before that is over. A row that cannot be made
   * sense of becomes a dead letter and is not given.
   *
   * @param maxRows How many at the most, a positive integer.
   * @returns No rows if there is nothing for this session at the moment.
   * @throws {RangeError} If `maxRows` is out of its range.
   * @throws {LeaseLostError} If the session was silent for too long.
   */
  read(maxRows: number): Promise<readonly OutboxRow[]>;
  /**
   * Writes down what became of rows, in one go: all of it is done or, if it rejects, may be.
   * Rows of one lane come in their order, and each row once that this session was given.
   *
   * @throws {LeaseLostError} If the session was silent for too long. Nothing is written then, so that
   * nothing is undone that another has done since.
   */
  settle(outcomes: readonly OutboxOutcome[]): Promise<void>;
  /**
   * Says that the session lives: what it holds stays its own for another `leaseMs`. Without anything
   * held it does nothing.
   *
   * @throws {LeaseLostError} If that comes too late.
   */
  keep(): Promise<void>;
  /**
   * Lets go of everything at once, so that others need not wait for the lease to end. Rows that were
   * read and not settled come again. Disposing twice does nothing, and it never rejects because the
   * lease was lost. The other methods throw a {@linkcode LeaseLostError} afterwards.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A session of a relay was silent for too long, so that others may have taken over what it held. */
export class LeaseLostError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "LeaseLostError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "lease_lost";

  /** Creates the error. */
  constructor(options?: ErrorOptions) {
    super("Cannot go on as the lease has ended and others may have taken over", options);
  }
}
