import type { Clock } from "../clock.ts";

/**
 * Looks after one thing that an application needs, and throws if it is not well. What it gives does
 * not matter. Its signal aborts when it has taken too long.
 */
export type HealthCheck = (signal: AbortSignal) => unknown;

/** How a check went. */
export interface CheckOutcome {
  readonly name: string;
  readonly startMs: number;
  readonly durationMs: number;
  /** What it threw, if it did: that can be anything, `undefined` too. */
  readonly failure: { readonly error: unknown } | undefined;
}

/** Makes all checks at the same time. */
export function runChecks(
  checks: Readonly<Record<string, HealthCheck>>,
  timeoutMs: number,
  clock: Clock,
): Promise<readonly CheckOutcome[]> {
  return Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const startMs = clock.now();
      const failure = await failureOf(check, timeoutMs, clock);
      return { name, startMs, durationMs: clock.now() - startMs, failure };
    }),
  );
}

async function failureOf(
  check: HealthCheck,
  timeoutMs: number,
  clock: Clock,
): Promise<CheckOutcome["failure"]> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancelTimer = clock.setTimer(() => {
    const reason = timeoutError(timeoutMs);
    controller.abort(reason);
    reject(reason);
  }, timeoutMs);
  const checked = (async () => await check(controller.signal))();
  try {
    await Promise.race([late, checked]);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    cancelTimer();
  }
}

function timeoutError(timeoutMs: number): DOMException {
  return new DOMException(
    `Cannot wait any longer: the limit of ${timeoutMs} ms has passed`,
    "TimeoutError",
  );
}
