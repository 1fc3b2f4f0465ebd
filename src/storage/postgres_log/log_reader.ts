import { type Clock, sleep } from "../../clock.ts";
import { SluiceError } from "../../errors.ts";
import type { Backoff } from "../../resilience/mod.ts";
import { LeaseLostError } from "../mod.ts";
import type { Lsn } from "./lsn.ts";
import type { SlotState } from "./slot.ts";

/** Something that happens to the connection of a log tail. */
export type LogTailEvent =
  /** It reads the log. */
  | { readonly type: "reading" }
  /** Another has the slot. It looks again and again whether that is so. */
  | { readonly type: "standby" }
  /** The connection broke, or could not be made. It is tried again after a delay. */
  | { readonly type: "disconnected"; readonly error: unknown; readonly retryAfterMs: number };

/** A stream of the log. */
export interface LogStream {
  /** Resolves when it has ended, to what it broke of. */
  readonly ended: Promise<unknown>;
  acknowledge(lsn: Lsn): void;
  ask(): void;
  /** Never rejects. */
  close(): Promise<void>;
}

/** What {@linkcode LogReader} needs. */
export interface LogReaderOptions {
  /** Looks at the slot. */
  look(): Promise<SlotState>;
  /** Takes the slot; resolves to the name of the session that has it then, or to `undefined` if another has. */
  claim(slot: SlotState): Promise<string | undefined>;
  /** Ends the process of the server that reads through the slot. */
  terminate(pid: string): Promise<void>;
  /** Reads on from where the slot was confirmed, unless the signal aborts before. */
  open(confirmed: Lsn, signal: AbortSignal): Promise<LogStream>;
  /** Is told what happens. */
  readonly onEvent: (event: LogTailEvent) => void;
  /** How long it waits between two looks at a slot that another has. */
  readonly standbyMs: number;
  /** How long it waits after a failure. */
  readonly backoff: Backoff;
  readonly clock: Clock;
}

/** How long the server may take to let go of a slot whose reader it has ended. */
const RELEASE_MS = 50;
/** How long a connection has to live to count as no failure. */
const STABLE_MS = 5_000;
/** How often it tries to be the next owner before it stands by. */
const MAX_CLAIMS = 3;
/** How many failures in a row are one of the session, that whoever reads it is to know of. */
const MAX_FAILURES = 5;

/**
 * Reads a slot for as long as it takes. Of several that want the same slot, one has it: it is the owner
 * in the database, and reads. Another takes it over when the owner has let go of it, was silent for
 * too long, or is not connected for a while.
 */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #stop: AbortController = new AbortController();
  #tried: Promise<void>;
  #settle: () => void = () => {};
  #endWait: () => void = () => {};
  #running: Promise<void> | undefined;
  #owner: string | undefined;
  #stream: LogStream | undefined;
  #hasRead = false;
  #failures = 0;
  #failure: { readonly error: unknown } | undefined;
  /** The owner that is not connected, and since when. */
  #absent: { readonly owner: string; readonly sinceMs: number } | undefined;
  /** Whether it waits for the slot, and whether it has said so. */
  #isStandby = false;
  #wasStandby = false;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#tried = this.#nextOutcome();
  }

  /** What keeps it from reading, unless that is a matter of moments, or of others. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Whether it is connected. */
  get isReading(): boolean {
    return this.#stream !== undefined;
  }

  /**
   * Begins, or looks again whether it can have the slot; resolves when it is known how that went. It
   * never rejects.
   */
  look(): Promise<void> {
    this.#running ??= this.#run();
    if (this.#isStandby) {
      this.#isStandby = false;
      this.#tried = this.#nextOutcome();
      this.#endWait();
    }
    return this.#tried;
  }

  acknowledge(lsn: Lsn): void {
    this.#stream?.acknowledge(lsn);
  }

  /** Asks the server up to where it is. */
  ask(): void {
    this.#stream?.ask();
  }

  /** Ends it. It never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#stream?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const wait = new AbortController();
      this.#endWait = () => wait.abort();
      const delayMs = await this.#attempt().catch((error) => this.#fail(error));
      if (delayMs === undefined) break;
      await sleep(clock, delayMs, AbortSignal.any([signal, wait.signal])).catch(() => {});
    }
    this.#settle();
  }

  #nextOutcome(): Promise<void> {
    return new Promise((resolve) => this.#settle = resolve);
  }

  /** Resolves to how long to wait until the next attempt. */
  async #attempt(): Promise<number> {
    const { look, claim, terminate, open } = this.#options;
    let slot = await look();
    if (this.#owner !== undefined && slot.owner !== this.#owner) throw new LeaseLostError();
    for (let tries = 0; this.#owner === undefined; tries++) {
      if (tries === MAX_CLAIMS || !this.#mayClaim(slot)) return this.#standBy();
      this.#owner = await claim(slot);
      // Another was faster; or the former owner has just let go of the slot.
      if (this.#owner === undefined) slot = await look();
    }
    this.#wasStandby = false;
    if (slot.isActive) { // by somebody who is not the owner any more
      if (slot.pid !== undefined) await terminate(slot.pid);
      return RELEASE_MS;
    }
    if (this.#stop.signal.aborted || slot.confirmed === undefined) return RELEASE_MS;
    return await this.#follow(await open(slot.confirmed, this.#stop.signal));
  }

  /** Follows a stream to its end, and rejects with what it broke of. */
  async #follow(stream: LogStream): Promise<never> {
    const { clock, onEvent } = this.#options;
    const startMs = clock.now();
    try {
      this.#stream = stream;
      this.#hasRead = true;
      this.#failure = undefined;
      if (this.#stop.signal.aborted) await stream.close();
      this.#settle();
      onEvent({ type: "reading" });
      throw await stream.ended;
    } finally {
      this.#stream = undefined;
      await stream.close();
      if (clock.now() - startMs >= STABLE_MS) this.#failures = 0;
    }
  }

  #mayClaim({ owner, isOwnerAlive, isActive, confirmed }: SlotState): boolean {
    if (confirmed === undefined) return false;
    if (owner === undefined || !isOwnerAlive) return true;
    const { clock, standbyMs } = this.#options;
    if (isActive) this.#absent = undefined;
    else if (this.#absent?.owner !== owner) this.#absent = { owner, sinceMs: clock.now() };
    return this.#absent !== undefined && clock.now() - this.#absent.sinceMs >= standbyMs;
  }

  #standBy(): number {
    const { onEvent, standbyMs } = this.#options;
    this.#failure = undefined;
    this.#failures = 0;
    if (!this.#wasStandby) onEvent({ type: "standby" });
    this.#isStandby = this.#wasStandby = true;
    this.#settle();
    return standbyMs;
  }

  /** How long to wait until the next attempt; undefined if there is to be none. */
  #fail(error: unknown): number | undefined {
    if (this.#stop.signal.aborted) return undefined;
    const { backoff, onEvent } = this.#options;
    const isFinal = error instanceof SluiceError || error instanceof TypeError;
    this.#failures++;
    if (isFinal || !this.#hasRead || this.#failures >= MAX_FAILURES) this.#failure = { error };
    this.#settle();
    if (isFinal) return undefined;
    const retryAfterMs = backoff(this.#failures);
    onEvent({ type: "disconnected", error, retryAfterMs });
    return retryAfterMs;
  }
}
