import { type Clock, sleep } from "../../clock.ts";

/** The codes of the driver, and of the sockets under it: `ECONNRESET`, `EPIPE`, `ERR_STREAM_DESTROYED`. */
const LOST = /^(?:CONNECTION_|E(?!RR_)|ERR_(?:STREAM|SOCKET)_)/;

/** Whether an error of a statement, or what it was made of, says that a connection is lost. */
export function isLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // The driver puts the statement into each error: so it is none of a file, for instance.
  const isOfStatement = "query" in error && "code" in error;
  return isOfStatement && LOST.test(String(error.code)) || isLoss(error.cause);
}

/** How long the driver may take between telling of a loss and acting on it. */
const NOTICE_MS = 1_000;

/** The loss of the connection of a transaction. */
export class Loss {
  /** Whether a statement has told of it. */
  isSuspected = false;
  /** Whether the driver has acted on it. */
  isNoticed = false;
  readonly #noticed = new AbortController();

  notice(): void {
    this.isNoticed = true;
    this.#noticed.abort();
  }

  /** Resolves when the driver has acted on it, or does not seem to. */
  async noticed(clock: Clock): Promise<void> {
    await sleep(clock, NOTICE_MS, this.#noticed.signal).catch(() => {});
  }
}

/** How long statements are kept back after a loss: the driver needs a turn or two of the event loop. */
const PAUSE_MS = 50;

/**
 * Keeps statements back between the error of a connection and its end: the driver still gives them to
 * that connection, and then neither sends nor rejects them.
 */
export class Pause {
  readonly #clock: Clock;
  #startMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins if an error says that a connection is lost. */
  note(error: unknown): void {
    if (isLoss(error)) this.#startMs = this.#clock.now();
  }

  /** Resolves when it is over; `undefined` if there is none. */
  over(): Promise<void> | undefined {
    const leftMs = Math.min(this.#startMs + PAUSE_MS - this.#clock.now(), PAUSE_MS);
    return leftMs > 0 ? this.#twice(leftMs / 2) : undefined;
  }

  /** The first may be over before the driver had a turn, where there is much to do. */
  async #twice(delayMs: number): Promise<void> {
    await sleep(this.#clock, delayMs);
    await sleep(this.#clock, delayMs);
  }
}
