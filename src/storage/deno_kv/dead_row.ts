import type { DeadLetter } from "../mod.ts";
import type { Keys, Pair } from "./keys.ts";
import { keyText } from "./keys.ts";
import { chunksIn, envelopeIn, isRow } from "./stored_row.ts";
import type { Write } from "./writes.ts";

/** A dead letter as it is stored. */
export interface DeadRow extends Pair {
  /** Its lane, as it is in keys. */
  readonly lane: string;
  /** The id of the message. */
  readonly id: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** What the last attempt failed with. */
  readonly error: string;
  /** Whether a mark keeps its place in the lane, which nothing may pass. */
  readonly isParking: boolean;
  /** The message as it was stored; `null` if that makes no sense and is kept apart. */
  readonly row: Uint8Array | null;
}

/** How much is kept of an error. */
export const MAX_ERROR_LENGTH = 1_000;

/** Which part of the body what makes no sense is kept as. */
export const NONSENSE = -1;

/** Writes down a dead letter. */
export async function buryingOf(
  keys: Keys,
  place: string,
  diedAtMs: number,
  { error, ...dead }: DeadRow,
): Promise<Write[]> {
  const { topic, name, lane, id, attempts, isParking, row } = dead;
  const shortError = error.slice(0, MAX_ERROR_LENGTH);
  return [
    {
      key: keys.deadLetter(diedAtMs, place),
      // A part of a bundle would be stored with all of it.
      value: {
        ...{ topic, name, lane, id, attempts, isParking },
        error: shortError,
        row: row && new Uint8Array(row),
      },
    },
    { key: keys.deadLetterId(await keyText(id), place), value: diedAtMs },
  ];
}

/** Reads a dead letter; `undefined` if it makes no sense. */
export function deadRowOf(value: unknown): DeadRow | undefined {
  const { topic, name, lane, id, attempts, error, isParking, row } = Object(value);
  const isDead = typeof topic === "string" && typeof name === "string" &&
    typeof lane === "string" && typeof id === "string" && typeof attempts === "number" &&
    typeof error === "string" && typeof isParking === "boolean" &&
    (row === null || row instanceof Uint8Array);
  return isDead ? { topic, name, lane, id, attempts, error, isParking, row } : undefined;
}

/** The keys of what is kept apart of a dead letter. */
export function bodyKeysOf(keys: Keys, place: string, { row }: DeadRow): Write[] {
  if (row === null) return [{ key: keys.body(place, NONSENSE) }];
  const chunks = isRow(row) ? chunksIn(row) : 0;
  return Array.from({ length: chunks }, (_, n) => ({ key: keys.body(place, n) }));
}

/** A dead letter as it is listed. */
export function letterOf(
  dead: DeadRow,
  diedAtMs: number,
  body: Uint8Array | undefined,
): DeadLetter {
  const { attempts, error, id, topic } = dead;
  const envelope = envelopeIn(dead.row) ?? {
    id,
    type: "",
    topic,
    source: "",
    time: new Date(diedAtMs),
    correlationId: id,
    contentType: "application/octet-stream",
    headers: {},
    body: new Uint8Array(0),
  };
  const whole = body === undefined ? envelope : { ...envelope, body };
  return { envelope: whole, attempts, error, diedAt: new Date(diedAtMs) };
}
