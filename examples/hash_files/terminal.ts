/** Text for whoever looks on, at a terminal or behind a pipe. */

/** Goes to the beginning of the line and deletes it. */
const CLEAR = "\r\x1b[K";

/**
 * Prints results to stdout and everything else to stderr, at the pace of the readers. As one of them
 * may have stopped reading, an abort ends the wait; what is written afterwards has a second.
 */
export class Terminal {
  readonly #signal: AbortSignal;
  readonly #isLive = Deno.stderr.isTerminal();
  readonly #progressIntervalMs = this.#isLive ? 100 : 2_000;
  #progressMs = performance.now();
  /** Whether the progress stands in the last line of the terminal. */
  #isProgressVisible = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Writes a result. */
  async print(text: string): Promise<void> {
    await this.#clearProgress();
    await this.#write(Deno.stdout, text);
  }

  /** Writes a line of news. */
  async say(text: string): Promise<void> {
    await this.#clearProgress();
    await this.#write(Deno.stderr, `${text}\n`);
  }

  /** Shows how far the work is: on a terminal in its last line, elsewhere in a line now and then. */
  async showProgress(text: string): Promise<void> {
    const nowMs = performance.now();
    const isEarly = nowMs - this.#progressMs < this.#progressIntervalMs;
    if (isEarly && this.#isProgressVisible === this.#isLive) return;
    this.#progressMs = nowMs;
    if (!this.#isLive) return await this.say(text);
    this.#isProgressVisible = true;
    const { columns } = Deno.consoleSize();
    await this.#write(Deno.stderr, CLEAR + text.slice(0, columns - 1));
  }

  async #clearProgress(): Promise<void> {
    if (!this.#isProgressVisible) return;
    this.#isProgressVisible = false;
    await this.#write(Deno.stderr, CLEAR);
  }

  async #write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): Promise<void> {
    const signal = this.#signal.aborted ? AbortSignal.timeout(1_000) : this.#signal;
    let bytes = new TextEncoder().encode(text);
    while (bytes.length > 0) {
      bytes = bytes.subarray(await unlessAborted(stream.write(bytes), signal));
    }
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Makes a name safe to show: it may contain anything, also what moves the cursor. */
export function printable(name: string): string {
  return name.replace(/\p{Cc}/gu, "?");
}
