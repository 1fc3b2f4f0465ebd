/**
 * Runs all functions, one after the other, although some fail.
 *
 * @throws What one of them threw, or an `AggregateError` if several did.
 */
export async function runAll(functions: Iterable<() => unknown>, message: string): Promise<void> {
  const errors: unknown[] = [];
  for (const run of functions) {
    try {
      await run();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors, message);
  if (errors.length === 1) throw errors[0];
}
