/** A signal that aborts as soon as one of several others does. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Lets go of the others. */
  unlink(): void;
}

/**
 * Makes a signal that follows others until it is let go: `AbortSignal.any` would leave something behind on
 * those that live as long as the consumer, for each message.
 */
export function linkSignals(...sources: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController();
  const onAbort = ({ target }: Event) => controller.abort((target as AbortSignal).reason);
  for (const source of sources) {
    if (source.aborted) controller.abort(source.reason);
    source.addEventListener("abort", onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    unlink() {
      for (const source of sources) source.removeEventListener("abort", onAbort);
    },
  };
}
