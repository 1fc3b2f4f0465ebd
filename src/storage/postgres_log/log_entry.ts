/** What a message in the log has to say, beside what it is for. */
export interface LogEntry {
  /** Where it stands: exact, as no server writes 2^53 bytes. */
  readonly lsn: number;
  /** A part of the bytes that it was read from. */
  readonly content: Uint8Array;
}

/** What `pgoutput` begins a message with that somebody has left in the log, and one about a row. */
export const MESSAGE = 0x4d;
/** {@inheritDoc MESSAGE} */
export const INSERT = 0x49;

/** The place, behind the kind and the flags; the prefix comes behind it. */
const LSN_AT = 2;
const PREFIX_AT = LSN_AT + 8;

/**
 * Reads what `pgoutput` tells of a message in the log; `undefined` if it has another prefix. The client
 * library would make text of the prefix and of the place each time, which takes as long as all the rest.
 */
export function readEntry(bytes: Uint8Array, prefix: Uint8Array): LogEntry | undefined {
  const end = PREFIX_AT + prefix.length;
  if (bytes[end] !== 0) return undefined;
  for (let at = 0; at < prefix.length; at++) {
    if (bytes[PREFIX_AT + at] !== prefix[at]) return undefined;
  }
  const contentAt = end + 1 + 4;
  const length = numberAt(bytes, end + 1);
  return {
    lsn: numberAt(bytes, LSN_AT) * 2 ** 32 + numberAt(bytes, LSN_AT + 4),
    content: bytes.subarray(contentAt, contentAt + length),
  };
}

function numberAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return a * 2 ** 24 + (b << 16) + (c << 8) + d;
}
