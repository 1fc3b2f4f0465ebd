/** Which transactions a snapshot sees, as `pg_snapshot` tells it. */
export interface Snapshot {
  /** All that have smaller numbers had ended. */
  readonly xmin: bigint;
  /** None from this number on had begun. */
  readonly xmax: bigint;
  /** Those between that had not ended. */
  readonly running: ReadonlySet<bigint>;
}

/**
 * Reads the text of a `pg_snapshot`.
 *
 * @throws {TypeError} If it is none.
 */
export function parseSnapshot(text: string): Snapshot {
  const [, xmin, xmax, running] = /^(\d+):(\d+):([\d,]*)$/.exec(text) ?? [];
  if (xmin === undefined || xmax === undefined || running === undefined) {
    throw new TypeError(`Cannot read "${text}" as a snapshot`);
  }
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === "" ? [] : running.split(",").map(BigInt)),
  };
}

/**
 * Whether a snapshot sees a transaction that was committed.
 *
 * @param xid The lower 32 bits of its number, which are all that the log has. It stands within 2^31 of
 * what the snapshot sees, as all transactions of a server do.
 */
export function sees({ xmin, xmax, running }: Snapshot, xid: number): boolean {
  const whole = xmax + BigInt.asIntN(32, BigInt(xid) - xmax);
  return whole < xmin || (whole < xmax && !running.has(whole));
}
