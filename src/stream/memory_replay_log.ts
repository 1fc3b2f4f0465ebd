import { type Clock, systemClock } from "../clock.ts";
import { MemoryReplayRun, type ReplayRunLimits } from "./memory_replay_run.ts";
import {
  type ReplayLog,
  ReplayLogFullError,
  type ReplayReader,
  type ReplayWriter,
} from "./replay_log.ts";

/** Limits of {@linkcode memoryReplayLog}. All that it keeps is at most `maxRuns` times `maxBytes`. */
export interface MemoryReplayLogOptions {
  /**
   * How long a run goes on while nobody reads it, in milliseconds. Then it is cancelled and
   * forgotten. 0 cancels at once, `Infinity` never.
   *
   * @default {30_000}
   */
  readonly graceMs?: number;
  /**
   * How many events are kept of a run, a positive integer or `Infinity`. The oldest ones that its
   * reader has been given make room for new ones. While nobody reads, none do, and a full run waits.
   *
   * @default {5_000}
   */
  readonly maxEvents?: number;
  /**
   * How much is kept of a run, in bytes, a positive integer or `Infinity`; the last event may
   * exceed it. An event counts 2 bytes for each UTF-16 code unit, which is the most that it takes,
   * and 128 for itself.
   *
   * It should exceed what is on its way through the network: what a connection had taken and
   * not delivered can only be sent again if it is still kept.
   *
   * @default {1_048_576}
   */
  readonly maxBytes?: number;
  /**
   * How long a run is kept after its last event, in milliseconds, so that a reader who lost its
   * connection then learns the end. `Infinity` keeps it until its place is needed, 0 keeps it no
   * longer than its reader is connected and asks.
   *
   * @default {300_000}
   */
  readonly maxAgeMs?: number;
  /**
   * How many runs there may be, a positive integer or `Infinity`. Runs that have ended make room,
   * first those that were read to their end; then no run can be started.
   *
   * @default {1_000}
   */
  readonly maxRuns?: number;
  /**
   * How many of them may belong to one owner, a positive integer or `Infinity`. It keeps one client
   * from taking the place of all others, where routes tell clients apart by `principal`. To them an
   * owner is a principal with one kind of message, so that a client has as many for each kind.
   *
   * @default {Infinity}
   */
  readonly maxRunsPerOwner?: number;
  /** The clock of the grace period and of the age. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Creates a replay log in the memory of this process: readers come back to the process that runs
 * their request, and what it holds ends with it. On Cloudflare Workers requests cannot share what
 * it holds; there it serves within one Durable Object.
 *
 * @throws {RangeError} If an option is out of its range.
 *
 * @example A reader that comes back
 * ```ts
 * import { memoryReplayLog } from "@sluice/cqrs/stream";
 * import assert from "node:assert/strict";
 *
 * const log = memoryReplayLog();
 * const writer = await log.create("run-1", "ada");
 * const reader = await log.open("run-1", "ada", 0);
 * await writer.append({ event: "item", data: "one", isLast: false });
 * assert.equal((await reader?.read())?.length, 1);
 * await reader?.close();
 *
 * await writer.wanted(); // nobody reads, but somebody may come back
 * await writer.append({ event: "done", data: "", isLast: true });
 * const again = await log.open("run-1", "ada", 1);
 * assert.deepEqual(await again?.read(), [{ event: "done", data: "", isLast: true }]);
 * ```
 */
export function memoryReplayLog(options: MemoryReplayLogOptions = {}): ReplayLog {
  return new MemoryReplayLog(limitsOf(options));
}

function limitsOf(options: MemoryReplayLogOptions): Limits {
  const {
    graceMs = 30_000,
    maxEvents = 5_000,
    maxBytes = 1_048_576,
    maxAgeMs = 300_000,
    maxRuns = 1_000,
    maxRunsPerOwner = Infinity,
    clock = systemClock,
  } = options;
  checkCount("maxEvents", maxEvents);
  checkCount("maxBytes", maxBytes);
  checkCount("maxRuns", maxRuns);
  checkCount("maxRunsPerOwner", maxRunsPerOwner);
  checkDuration("graceMs", graceMs);
  checkDuration("maxAgeMs", maxAgeMs);
  return { graceMs, maxEvents, maxBytes, maxAgeMs, maxRuns, maxRunsPerOwner, clock };
}

interface Limits extends ReplayRunLimits {
  readonly maxAgeMs: number;
  readonly maxRuns: number;
  readonly maxRunsPerOwner: number;
}

/** A log in memory that tells when it forgets a run. */
export interface ObservedReplayLog extends ReplayLog {
  /** How many events it keeps of a run. */
  readonly maxEvents: number;
  /** How many bytes it keeps of a run. */
  readonly maxBytes: number;
  /** Forgets what is too old, as every other call does. */
  forgetOld(): void;
}

/**
 * Creates a log as {@linkcode memoryReplayLog} does, for a log that several processes share.
 *
 * @param onForget Is told of each run that is forgotten, whatever the reason.
 * @throws {RangeError} If an option is out of its range.
 */
export function observedReplayLog(
  options: MemoryReplayLogOptions,
  onForget: (run: string) => void,
): ObservedReplayLog {
  return new MemoryReplayLog(limitsOf(options), onForget);
}

class MemoryReplayLog implements ObservedReplayLog {
  readonly #limits: Limits;
  readonly #onForget: (run: string) => void;
  readonly #runs = new Map<string, MemoryReplayRun>();
  /** Those that have ended, in that order. */
  readonly #ended = new Set<MemoryReplayRun>();
  /** How many runs each owner has. */
  readonly #owners = new Map<string, number>();

  constructor(limits: Limits, onForget: (run: string) => void = () => {}) {
    this.#limits = limits;
    this.#onForget = onForget;
  }

  get maxEvents(): number {
    return this.#limits.maxEvents;
  }

  get maxBytes(): number {
    return this.#limits.maxBytes;
  }

  // deno-lint-ignore require-await -- it rejects with what it throws
  async create(run: string, owner: string): Promise<ReplayWriter> {
    if (this.#runs.has(run)) throw new TypeError(`Cannot start the run "${run}" as it exists`);
    this.#makeRoom(owner);
    const full = this.#fullFor(owner);
    if (full !== undefined) throw new ReplayLogFullError(full);
    const created = new MemoryReplayRun(run, owner, this.#limits, {
      onEnd: () => this.#ended.add(created),
      onAbandon: () => this.#forget(created, "No reader came back to the run in time"),
    });
    this.#runs.set(run, created);
    this.#owners.set(owner, this.#runsOf(owner) + 1);
    return created;
  }

  // deno-lint-ignore require-await -- it rejects with what it throws
  async open(run: string, owner: string, position: number): Promise<ReplayReader | undefined> {
    return this.#find(run, owner)?.open(position);
  }

  // deno-lint-ignore require-await -- it rejects with what it throws
  async delete(run: string, owner: string): Promise<boolean> {
    const found = this.#find(run, owner);
    if (found !== undefined) this.#forget(found, "The run was cancelled");
    return found !== undefined;
  }

  #find(run: string, owner: string): MemoryReplayRun | undefined {
    this.forgetOld();
    const found = this.#runs.get(run);
    return found?.owner === owner ? found : undefined;
  }

  #makeRoom(owner: string): void {
    this.forgetOld();
    for (const mayForget of [(run: MemoryReplayRun) => run.isReadToEnd, () => true]) {
      for (const run of this.#ended) {
        if (this.#fullFor(owner) === undefined) return;
        const makesRoom = run.owner === owner || this.#runsOf(owner) < this.#limits.maxRunsPerOwner;
        if (makesRoom && !run.isBeingRead && mayForget(run)) {
          this.#forget(run, "The run had to make room");
        }
      }
    }
  }

  /** The limit that keeps an owner from another run, if there is one. */
  #fullFor(owner: string): number | undefined {
    const { maxRuns, maxRunsPerOwner } = this.#limits;
    if (this.#runs.size >= maxRuns) return maxRuns;
    return this.#runsOf(owner) >= maxRunsPerOwner ? maxRunsPerOwner : undefined;
  }

  #runsOf(owner: string): number {
    return this.#owners.get(owner) ?? 0;
  }

  forgetOld(): void {
    const { clock, maxAgeMs } = this.#limits;
    const oldestMs = clock.now() - maxAgeMs;
    for (const run of this.#ended) {
      if (run.endedMs > oldestMs) return;
      this.#forget(run, "The run is too old");
    }
  }

  #forget(run: MemoryReplayRun, why: string): void {
    if (!this.#runs.delete(run.name)) return;
    this.#ended.delete(run);
    const left = this.#runsOf(run.owner) - 1;
    if (left === 0) this.#owners.delete(run.owner);
    else this.#owners.set(run.owner, left);
    run.stop(new DOMException(why, "AbortError"));
    this.#onForget(run.name);
  }
}

function checkCount(option: string, value: number): void {
  if (value === Infinity || (Number.isSafeInteger(value) && value > 0)) return;
  throw new RangeError(
    `Cannot create the replay log: ${option} must be a positive integer or Infinity, got ${value}`,
  );
}

function checkDuration(option: string, value: number): void {
  if (value >= 0) return;
  throw new RangeError(
    `Cannot create the replay log: ${option} must be a number of milliseconds from 0, got ${value}`,
  );
}
