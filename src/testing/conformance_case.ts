/**
 * One behaviour that every implementation of a port must show, as a value that
 * any test runner can name, filter and run.
 *
 * @typeParam Harness What a case needs to try an implementation. Each case gets
 * a fresh one, which the runner disposes of.
 */
export interface ConformanceCase<Harness> {
  /** The behaviour in one sentence that begins with the method, to be used in the name of the test. */
  readonly name: string;
  /** A capability that the case needs; only a backend that declares that it lacks it may skip the case. */
  readonly needs?: string;
  /**
   * Tries the behaviour.
   *
   * @throws {ConformanceError} If the implementation does not show it.
   */
  run(harness: Harness): Promise<void>;
}

/** An implementation of a port does not do what its conformance cases demand. */
export class ConformanceError extends Error {
  /** The name of the class, written out so that minifiers cannot change it. */
  override readonly name = "ConformanceError";
}

/**
 * Throws unless `actual` equals `expected`: both the same JSON, whatever the
 * order of their keys, or both `undefined`.
 *
 * @param what The thing that is compared, to begin the message with.
 * @throws {ConformanceError} If they differ.
 */
export function expectSame(what: string, actual: unknown, expected: unknown): void {
  const found = canonical(actual);
  const wanted = canonical(expected);
  if (found !== wanted) throw new ConformanceError(`${what} is ${found}, must be ${wanted}`);
}

function canonical(value: unknown): string {
  // A database may hand back the keys of an object in an order of its own.
  const sorted = (_key: string, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1))
      : part;
  return JSON.stringify(value, sorted) ?? String(value);
}
