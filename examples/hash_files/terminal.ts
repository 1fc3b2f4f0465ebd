/** Text for whoever looks on: on a terminal, in a pipe, in a file. */

/** Writes text at the pace of its reader, who may have stopped reading: an abort ends the wait. */
export async function write(
  stream: typeof Deno.stdout | typeof Deno.stderr,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    bytes = bytes.subarray(await unlessAborted(stream.write(bytes), signal));
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Shows on stderr how far the work is: on a terminal in one line, elsewhere in a line now and then. */
export class ProgressLine {
  readonly #isTerminal = Deno.stderr.isTerminal();
  readonly #intervalMs = this.#isTerminal ? 100 : 2_000;
  #shownMs = -Infinity;
  #isVisible = false;

  /** Shows the text if the last one is old enough. */
  async show(text: string, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const isRecent = nowMs - this.#shownMs < this.#intervalMs;
    if (isRecent && this.#isVisible === this.#isTerminal) return;
    this.#shownMs = nowMs;
    this.#isVisible = this.#isTerminal;
    await write(Deno.stderr, this.#isTerminal ? `${CLEAR}${fitted(text)}` : `${text}\n`, signal);
  }

  /** Makes room for other text. */
  async clear(signal: AbortSignal): Promise<void> {
    if (!this.#isVisible) return;
    this.#isVisible = false;
    await write(Deno.stderr, CLEAR, signal);
  }
}

/** Goes to the beginning of the line and deletes the rest. */
const CLEAR = "\r\x1b[K";

function fitted(text: string): string {
  return text.slice(0, Deno.consoleSize().columns - 1);
}
