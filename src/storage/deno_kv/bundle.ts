import type { DenoKvEntry, DenoKvKey } from "./deno_kv.ts";
import { numberIn, placeBeside } from "./place.ts";
import { uintAt } from "./stored_row.ts";
import type { Unit, Write } from "./writes.ts";

/**
 * Messages of one transaction and one partition stand under one key of the queue, as long as they are
 * not too large together: a bundle, at the place of the first of them. So what costs most, which is
 * keys, is needed for many messages only once.
 *
 * ```text
 *  0  1 byte   the version of this format
 *     2 bytes  of each row: its number in its commit
 *     4 bytes  how many bytes it has
 *     …        what is stored of the message, see `stored_row.ts`
 * ```
 */
export interface Bundle {
  readonly key: DenoKvKey;
  /** The place that it stands at: that of its first row, also when that is gone. */
  readonly place: string;
  /** The rows that are in it, in order. */
  rows: readonly BundledRow[];
  /** How many of them a session has given. */
  inFlight: number;
  /** What is stored, if it makes no sense. */
  readonly nonsense: { readonly value: unknown } | undefined;
}

/** A row in a bundle. */
export interface BundledRow {
  readonly place: string;
  readonly row: Uint8Array;
}

const VERSION = 1;
const HEAD_BYTES = 1;
const ROW_HEAD_BYTES = 6;

/**
 * How much several rows in a bundle have together. What is left of it is written anew when some of its
 * rows are settled and others are not, and whatever becomes of them has room in one commit.
 */
const MAX_BYTES = 16_384;
const MAX_ROWS = 16;

/** How full a bundle is. */
export interface BundleSize {
  readonly rows: number;
  readonly bytes: number;
}

/** The size of a bundle of one row. */
export function sizeOfOne(row: Uint8Array): BundleSize {
  return { rows: 1, bytes: HEAD_BYTES + rowSize(row) };
}

/** The size of a bundle with one more row; `undefined` if there is no room for it. */
export function sizeWith({ rows, bytes }: BundleSize, row: Uint8Array): BundleSize | undefined {
  const size = { rows: rows + 1, bytes: bytes + rowSize(row) };
  return size.rows <= MAX_ROWS && size.bytes <= MAX_BYTES ? size : undefined;
}

function rowSize(row: Uint8Array): number {
  return ROW_HEAD_BYTES + row.length;
}

/** What is stored of a bundle. */
export function encodeBundle(rows: readonly BundledRow[]): Uint8Array {
  const size = rows.reduce((sum, { row }) => sum + rowSize(row), HEAD_BYTES);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  let at = HEAD_BYTES;
  for (const { place, row } of rows) {
    view.setUint16(at, numberIn(place));
    view.setUint32(at + 2, row.length);
    bytes.set(row, at + ROW_HEAD_BYTES);
    at += rowSize(row);
  }
  return bytes;
}

/** Reads a bundle. */
export function bundleOf({ key, value }: DenoKvEntry): Bundle {
  const place = String(key.at(-1));
  const rows = rowsIn(value, place);
  const nonsense = rows === undefined ? { value } : undefined;
  return { key: key as DenoKvKey, place, rows: rows ?? [], inFlight: 0, nonsense };
}

/** The rows in what is stored of a bundle; `undefined` if that makes no sense. */
export function rowsIn(value: unknown, place: string): BundledRow[] | undefined {
  if (!(value instanceof Uint8Array) || value[0] !== VERSION) return undefined;
  const rows: BundledRow[] = [];
  for (let at = HEAD_BYTES; at < value.length;) {
    const rowAt = at + ROW_HEAD_BYTES;
    if (rowAt > value.length) return undefined;
    const end = rowAt + uintAt(value, at + 2, 4);
    if (end > value.length) return undefined;
    const row = value.subarray(rowAt, end);
    rows.push({ place: placeBeside(place, uintAt(value, at, 2)), row });
    at = end;
  }
  return rows.length === 0 ? undefined : rows;
}

/** What becomes of the rows of a bundle that are taken out, or of one that waits. */
interface Group {
  readonly bundle: Bundle | undefined;
  readonly writes: Write[];
  readonly gone: string[];
}

/** What becomes of rows, each together with all others of its bundle: one unit for each bundle. */
export class BundleUnits {
  readonly #groups: Map<unknown, Group> = new Map();

  /** Takes a row out of its bundle, if it is in one, and writes something with it. */
  takeOut(bundle: Bundle | undefined, place: string, writes: readonly Write[]): void {
    const group = this.#groups.get(bundle ?? place);
    if (group === undefined) {
      this.#groups.set(bundle ?? place, { bundle, writes: [...writes], gone: [place] });
    } else {
      group.writes.push(...writes);
      group.gone.push(place);
    }
  }

  /** The units, in the order of their first rows. */
  units(): Unit[] {
    const units: Unit[] = [];
    for (const { bundle, writes, gone } of this.#groups.values()) {
      if (bundle !== undefined) {
        const { key } = bundle;
        const rows = leftOf(bundle, gone);
        writes.push(rows.length === 0 ? { key } : { key, value: encodeBundle(rows) });
      }
      units.push(writes);
    }
    return units;
  }

  /** Notes that they are written. */
  apply(): void {
    for (const { bundle, gone } of this.#groups.values()) {
      if (bundle !== undefined) bundle.rows = leftOf(bundle, gone);
    }
  }
}

function leftOf({ rows }: Bundle, gone: readonly string[]): readonly BundledRow[] {
  if (gone.length === rows.length) return [];
  const places = new Set(gone);
  return rows.filter(({ place }) => !places.has(place));
}
