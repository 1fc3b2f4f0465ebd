import { SluiceError } from "../errors.ts";

/** One event of a run. Its number is its place in the run, from 0. */
export interface ReplayEvent {
  /** The name of the event. */
  readonly event: string;
  /** The payload, as it is sent. */
  readonly data: string;
  /** Whether the run ends with it. */
  readonly isLast: boolean;
}

/**
 * Keeps the events of runs for readers that lose their connection, so that a stream goes on where
 * it broke off and its request is not run again. A run has one writer, and one reader at a time.
 *
 * An implementation sets its own limits: how much of a run it keeps, for how long, and how long a
 * run goes on while nobody reads it. It must never drop an event that its reader may still ask
 * for without telling: a reader whose position is not kept any more is told that it is gone.
 */
export interface ReplayLog {
  /**
   * Makes a new, empty run.
   *
   * @param run Identifies the run. Any text; whoever knows it and is its owner may read it, so it must not be
   * guessable.
   * @param owner Whom the run belongs to; other owners do not learn that it exists. Any text.
   * @throws {ReplayLogFullError} If there is no room for another run.
   * @throws {TypeError} If the run exists.
   */
  create(run: string, owner: string): Promise<ReplayWriter>;
  /**
   * Connects a reader that has the first `position` events of a run. It takes the run over from the
   * reader before, whose reads then give `undefined`. What comes before `position` need not be kept
   * any longer.
   *
   * @param position How many events the reader has; 0 begins at the first one.
   * @returns `undefined` if the run, its writer or the position is gone, or belongs to another owner.
   */
  open(run: string, owner: string, position: number): Promise<ReplayReader | undefined>;
  /**
   * Ends a run at once and forgets it: its writer's signal aborts, its reader is told.
   *
   * @returns Whether there was such a run of this owner.
   */
  delete(run: string, owner: string): Promise<boolean>;
}

/** Writes a run. Its methods are called one after the other, by one caller. */
export interface ReplayWriter {
  /**
   * Aborts when nobody will read the run any more: it was deleted, or no reader came back in time.
   * It never aborts once the last event is appended.
   */
  readonly signal: AbortSignal;
  /**
   * Resolves when the next event is wanted: a reader waits for it; or no reader is connected and
   * there is room. A reader that does not ask holds the writer back, so a run is as fast as it is read.
   *
   * @throws The reason of {@linkcode ReplayWriter.signal}, as soon as it aborts.
   */
  wanted(): Promise<void>;
  /**
   * Puts an event behind the others. An event that was not waited for with
   * {@linkcode ReplayWriter.wanted} is taken too, whatever the limits.
   *
   * @throws The reason of {@linkcode ReplayWriter.signal}, if it has aborted.
   */
  append(event: ReplayEvent): Promise<void>;
}

/** Reads a run. Its methods are called one after the other, but for `close`, which may come at any time. */
export interface ReplayReader {
  /**
   * Resolves to the next events, at least one, in their order, without a gap and without a
   * repetition; waits for them. `undefined` when there will be none: the reader has the last
   * event, it is closed, another reader took the run over, or the run is gone.
   */
  read(): Promise<readonly ReplayEvent[] | undefined>;
  /** Disconnects the reader, also while it waits. The run goes on for a while without one. */
  close(): Promise<void>;
}

/** A replay log has no room for another run, as too many are in use. */
export class ReplayLogFullError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "ReplayLogFullError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "replay_log_full";
  /** How many runs there may be, in all or of one owner, whichever bound was met. */
  readonly maxRuns: number;

  /** Creates the error for a bound of `maxRuns` runs. */
  constructor(maxRuns: number, options?: ErrorOptions) {
    super(`Cannot start another run as the replay log holds ${maxRuns} already`, options);
    this.maxRuns = maxRuns;
  }
}
