/** A place in the log of a server: how many bytes stand before it. */
export type Lsn = bigint;

/**
 * Reads a place as Postgres writes it: two numbers in base 16, the high one in front of a slash.
 *
 * @throws {TypeError} If it is none.
 */
export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text) ?? [];
  if (high === undefined || low === undefined) {
    throw new TypeError(`Cannot read "${text}" as a place in the log`);
  }
  return BigInt(`0x${high}`) << 32n | BigInt(`0x${low}`);
}

/** Writes a place as Postgres does. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

/** The later one of two places. */
export function laterOf(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
