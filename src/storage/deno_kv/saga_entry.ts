import {
  firstSagaStep,
  hasSagaEnded,
  type NewSaga,
  SAGA_STATUSES,
  type SagaChange,
  type SagaHold,
  type SagaRecord,
  type SagaStatus,
} from "../mod.ts";
import type { Keys, SagaPlace } from "./keys.ts";
import { isSagaText, type SagaText } from "./saga_text.ts";
import type { Write } from "./writes.ts";

/** A saga as it is stored. */
export interface SagaEntry extends SagaData {
  /** The version of this form. */
  readonly format: number;
  /** The name of its definition as it is in keys. */
  readonly definition: string;
  /** Where it stands among all. */
  readonly place: SagaPlace;
  /** The step that it began with, if nothing else stands in the first entry of its log. */
  readonly first: string | undefined;
  /** How many entries its log has. */
  readonly logged: number;
  /** How many signals wait for it. */
  readonly signals: number;
  /** How many signals it was ever told. */
  readonly told: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** When the lease ends; 0 if nobody has it. */
  readonly untilMs: number;
  /** When it can go on. */
  readonly resumeAtMs: number;
  /** When it can be claimed as one that is due, save for what the two above say. */
  readonly notBeforeMs: number;
  /** Where it stands in the index of what is due, which is not later than that; `Infinity` if nowhere. */
  readonly indexedMs: number;
}

type SagaData =
  & Omit<
    SagaRecord,
    "context" | "leaseLeftMs" | "resumeInMs" | "signals" | "createdAt" | "updatedAt"
  >
  & { readonly context: SagaText };

/** Where a saga stands as the index of that has it. */
export type SagaState = SagaStatus | "parked";

/** All states. */
export const SAGA_STATES: readonly SagaState[] = [...SAGA_STATUSES, "parked"];

const VERSION = 1;

/** Reads a saga; `undefined` if there is none, or it makes no sense. */
export function sagaOf(value: unknown): SagaEntry | undefined {
  const { format, id, revision, context, place } = Object(value);
  const isRight = format === VERSION && typeof id === "string" && typeof revision === "number" &&
    isSagaText(context) && Array.isArray(place);
  return isRight ? value as SagaEntry : undefined;
}

/** A saga that is just started. */
export function startedSaga(
  { id, name, version, status, metadata, entries }: NewSaga,
  context: SagaText,
  { definition, place, owner, nowMs, leaseMs }: {
    readonly definition: string;
    readonly place: SagaPlace;
    readonly owner: string;
    readonly nowMs: number;
    readonly leaseMs: number;
  },
): SagaEntry {
  return {
    format: VERSION,
    id,
    name,
    definition,
    version,
    place,
    status,
    context,
    metadata,
    owner,
    revision: 1,
    attempts: 0,
    error: undefined,
    parkedReason: undefined,
    first: firstSagaStep(entries),
    logged: entries.length,
    signals: 0,
    told: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    untilMs: nowMs + leaseMs,
    resumeAtMs: 0,
    notBeforeMs: 0,
    indexedMs: Infinity,
  };
}

/** A saga that somebody has claimed. */
export function claimedSaga(saga: SagaEntry, owner: string, untilMs: number): SagaEntry {
  const { revision, attempts } = saga;
  return { ...saga, owner, untilMs, revision: revision + 1, attempts: attempts + 1 };
}

/** A saga after a checkpoint, of which `context`, if it has changed, and `consumed` signals are known. */
export function changedSaga(
  saga: SagaEntry,
  change: SagaChange,
  { nowMs, context = saga.context, consumed }: {
    readonly nowMs: number;
    readonly context: SagaText | undefined;
    readonly consumed: number;
  },
): SagaEntry {
  const { status, error, parkedReason, hasProgressed, leaseMs, resumeInMs = 0, entries } = change;
  const isFresh = hasProgressed === true;
  return {
    ...saga,
    context,
    status: status ?? saga.status,
    revision: saga.revision + 1,
    attempts: isFresh ? 0 : saga.attempts,
    error: error === undefined ? saga.error : shortened(error),
    parkedReason: parkedReason === undefined ? saga.parkedReason : shortened(parkedReason),
    owner: leaseMs > 0 ? saga.owner : undefined,
    logged: entries?.at(-1)?.number ?? saga.logged,
    signals: saga.signals - consumed,
    updatedAtMs: nowMs,
    untilMs: leaseMs > 0 ? nowMs + leaseMs : 0,
    resumeAtMs: nowMs + resumeInMs,
    notBeforeMs: isFresh ? 0 : saga.notBeforeMs,
  };
}

/** How much is kept of an error or a reason, which stand beside the context. */
const MAX_REASON_LENGTH = 4_000;

/** As much of an error or a reason as is kept. */
export function shortened(text: string | null | undefined): string | undefined {
  return text?.slice(0, MAX_REASON_LENGTH);
}

/** When a saga can be claimed as one that is due; `Infinity` for never. */
export function dueAtMsOf(saga: SagaEntry): number {
  if (saga.parkedReason !== undefined || hasSagaEnded(saga)) return Infinity;
  return Math.max(saga.untilMs, saga.resumeAtMs, saga.notBeforeMs);
}

/** Which of two sagas was started first, as a comparison tells it. */
export function comparePlaces(a: SagaPlace, b: SagaPlace): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** What is known of a saga that was just written. */
export function holdOf({ revision, signals }: SagaEntry): SagaHold {
  return { revision, signals };
}

/** A saga as it is read, with its context. */
export function recordOf(saga: SagaEntry, context: string, nowMs: number): SagaRecord {
  const leaseLeftMs = Math.max(0, saga.untilMs - nowMs);
  const { id, name, version, status, metadata, revision, attempts, error, parkedReason } = saga;
  return {
    ...{ id, name, version, status, context, metadata, revision, attempts, error, parkedReason },
    owner: leaseLeftMs === 0 ? undefined : saga.owner,
    leaseLeftMs,
    resumeInMs: Math.max(0, saga.resumeAtMs - nowMs),
    signals: saga.signals,
    createdAt: new Date(saga.createdAtMs),
    updatedAt: new Date(saga.updatedAtMs),
  };
}

/** What is written so that `next` takes the place of `before`; its place among what is due is seen to. */
export function writtenSaga(
  keys: Keys,
  id: string,
  before: SagaEntry | undefined,
  next: SagaEntry,
  nowMs: number,
): { readonly saga: SagaEntry; readonly writes: Write[] } {
  const indexedMs = indexedMsOf(next, nowMs);
  const saga = indexedMs === next.indexedMs ? next : { ...next, indexedMs };
  const writes: Write[] = [{ key: keys.saga(id), value: saga }];
  const old = before === undefined ? undefined : indexesOf(before);
  const present = indexesOf(saga);
  for (const index of ["due", "state", "over"] as const) {
    if (old?.[index] === present[index]) continue;
    if (old !== undefined) writes.push(...indexKey(keys, id, saga, index, old));
    for (const { key } of indexKey(keys, id, saga, index, present)) writes.push({ key, value: 0 });
  }
  return { saga, writes };
}

/** What is deleted so that nothing tells of a saga. */
export function forgottenSaga(keys: Keys, id: string, saga: SagaEntry): Write[] {
  const indexes = indexesOf(saga);
  return [
    { key: keys.saga(id) },
    ...indexKey(keys, id, saga, "due", indexes),
    ...indexKey(keys, id, saga, "state", indexes),
    ...indexKey(keys, id, saga, "over", indexes),
  ];
}

/** Where a saga stands in the indexes. */
interface Indexes {
  /** Since when it may be due; `Infinity` if it is not there. */
  readonly due: number;
  readonly state: SagaState;
  /** When it was written, if it is over; `Infinity` if it is not there. */
  readonly over: number;
}

function indexesOf({ status, parkedReason, indexedMs, updatedAtMs }: SagaEntry): Indexes {
  const isOver = status === "completed" || status === "compensated";
  return {
    due: indexedMs,
    state: parkedReason === undefined ? status : "parked",
    over: isOver ? updatedAtMs : Infinity,
  };
}

/** The key of a saga in an index; none if it is not there. */
function indexKey(
  keys: Keys,
  id: string,
  { definition, place }: SagaEntry,
  index: keyof Indexes,
  { due, state, over }: Indexes,
): ReadonlyArray<Pick<Write, "key">> {
  if (index === "state") return [{ key: keys.sagaState(state, place, { id, definition }) }];
  if (index === "due") {
    return due === Infinity ? [] : [{ key: keys.sagaDue(due, { id, definition }) }];
  }
  return over === Infinity ? [] : [{ key: keys.sagaOver(over, id) }];
}

/**
 * Where a saga is to stand among what is due: where it does, if that is not too late, and not so early
 * that whoever looks for what is due would find it before its owner has written again.
 */
function indexedMsOf(saga: SagaEntry, nowMs: number): number {
  const dueMs = dueAtMsOf(saga);
  const { indexedMs } = saga;
  const isEarly = dueMs === Infinity || (indexedMs - nowMs) * 2 < dueMs - nowMs;
  return indexedMs > dueMs || isEarly ? dueMs : indexedMs;
}
