import type { Envelope } from "../message/mod.ts";
import type {
  DeadLetterFilter,
  OutboxOutcome,
  OutboxRow,
  OutboxSession,
  Storage,
  StorageTransaction,
} from "../storage/mod.ts";
import { type ConformanceCase, ConformanceError, expectSame } from "./conformance_case.ts";
import type { StorageHarness } from "./storage_harness.ts";

/** A case of a storage. It takes transactions from the storage alone, so their type does not matter. */
export type StorageCase = ConformanceCase<StorageHarness>;

/** So long that what a case does takes no part of it, however slow the database is. */
export const LEASE_MS = 60_000;

/** How long failed rows wait: well within the lease, and longer than a case takes for a step. */
export const RETRY_MS = 20_000;

/** Sessions of all topics, as most cases open them. */
export const SESSION = { leaseMs: LEASE_MS } as const;

/** The topic of most messages. */
export const TOPIC = "orders";

/**
 * A message that says `text`, which is its id too. Its key is what stands before the first digit;
 * "-" is none: "a1" and "a2" share the key "a", "-1" has none.
 */
export function message(text: string, more: Partial<Envelope> = {}): Envelope {
  const key = text.replace(/\d.*$/, "");
  return {
    id: text,
    type: "noted",
    topic: TOPIC,
    source: "/cases",
    time: new Date("2026-01-02T03:04:05.678Z"),
    key: key === "-" ? undefined : key,
    correlationId: text,
    contentType: "text/plain",
    headers: {},
    body: new TextEncoder().encode(text),
    ...more,
  };
}

/** The messages that say the words of `texts`. */
export function messages(texts: string, more: Partial<Envelope> = {}): Envelope[] {
  return texts.split(" ").map((text) => message(text, more));
}

/** Stores messages one by one, each in a transaction of its own. */
export async function storeEach(storage: Storage, texts: string): Promise<void> {
  for (const one of messages(texts)) await storage.outbox.store([one]);
}

/** Stores many messages, in transactions of a size that any database takes. */
export async function storeMany(storage: Storage, all: readonly Envelope[]): Promise<void> {
  for (let n = 0; n < all.length; n += 50) await storage.outbox.store(all.slice(n, n + 50));
}

/** A backlog in so many lanes, and beside them messages without a key. */
export function backlog(count: number, lanes: number): Envelope[] {
  return Array.from({ length: count }, (_, n) => {
    const lane = n % (lanes + 1);
    return message(`${10_000 + n}`, { key: lane === lanes ? undefined : `key ${lane}` });
  });
}

/** Checks that rows are all the messages, each once, and in the order of its lane. */
export function expectAll(rows: readonly OutboxRow[], all: readonly Envelope[]): void {
  const stored = all.map((envelope) => ({ envelope }));
  expectSame("How many rows there are", rows.length, all.length);
  expectSame("What was read", sorted(rows), sorted(stored));
  const { "-": _, ...lanes } = inLanes(rows);
  const { "-": _stored, ...storedLanes } = inLanes(stored);
  expectSame("The lanes", lanes, storedLanes);
}

/** What a row says. */
export function textOf({ envelope }: Pick<OutboxRow, "envelope">): string {
  return new TextDecoder().decode(envelope.body);
}

/** What rows say, a list for each key: `{ a: "a1 a2", b: "b1" }`, as lanes have no order among them. */
export function inLanes(rows: ReadonlyArray<Pick<OutboxRow, "envelope">>): Record<string, string> {
  const lanes: Record<string, string> = {};
  for (const row of rows) {
    const key = row.envelope.key ?? "-";
    lanes[key] = lanes[key] === undefined ? textOf(row) : `${lanes[key]} ${textOf(row)}`;
  }
  return lanes;
}

/** What rows say, in the order of the words: for what has no order. */
export function sorted(rows: ReadonlyArray<Pick<OutboxRow, "envelope">>): string {
  return rows.map(textOf).sort().join(" ");
}

/** Reads until a session has nothing more to give. */
export async function readAll(session: OutboxSession, maxRows = 100): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  for (;;) {
    const more = await session.read(maxRows);
    if (more.length > maxRows) {
      throw new ConformanceError(`read(${maxRows}) gave ${more.length} rows`);
    }
    if (more.length === 0) return rows;
    rows.push(...more);
  }
}

/** Reads what there is, and checks what it says. */
export async function expectRows(
  session: OutboxSession,
  expected: Record<string, string>,
): Promise<OutboxRow[]> {
  const rows = await readAll(session);
  expectSame("What was read", inLanes(rows), expected);
  return rows;
}

/** Reads until a session has nothing more to give, and settles all of it as published. */
export async function drain(session: OutboxSession, maxRows = 100): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  for (;;) {
    const more = await session.read(maxRows);
    if (more.length === 0) return rows;
    await session.settle(more.map(published));
    rows.push(...more);
  }
}

/** The outcome of a row that the broker has confirmed. */
export function published(row: OutboxRow): OutboxOutcome {
  return { row, outcome: "published" };
}

/** The outcome of a row that stands behind one that failed. */
export function held(row: OutboxRow): OutboxOutcome {
  return { row, outcome: "held" };
}

/** The outcome of a row that was not tried. */
export function returned(row: OutboxRow): OutboxOutcome {
  return { row, outcome: "returned" };
}

/** The outcome of a row that is to be tried again, by default after {@linkcode RETRY_MS}. */
export function failed(row: OutboxRow, retryAfterMs: number = RETRY_MS): OutboxOutcome {
  return { row, outcome: "failed", error: "the broker is down", retryAfterMs };
}

/** The outcome of a row that was tried for the last time. */
export function dead(
  row: OutboxRow,
  { continues = false, error = "too large" } = {},
): OutboxOutcome {
  return { row, outcome: "dead", error, continues };
}

/** Outcomes of rows by what they say; all rows must be there, in any order of lanes. */
export function outcomes(
  rows: readonly OutboxRow[],
  of: Record<string, (row: OutboxRow) => OutboxOutcome>,
): OutboxOutcome[] {
  expectSame("What was read", sorted(rows), Object.keys(of).sort().join(" "));
  return rows.map((row) => {
    const make = of[textOf(row)];
    if (make === undefined) throw new ConformanceError(`There is no outcome of ${textOf(row)}`);
    return make(row);
  });
}

/** Stores messages, and gives up those whose text has a "!". Others stay where they are. */
export async function bury(
  storage: Storage,
  texts: string,
  continues = true,
): Promise<void> {
  await storeEach(storage, texts);
  const session = storage.outbox.open(SESSION);
  const rows = await readAll(session);
  for (const row of rows) {
    if (row.envelope.id.endsWith("!")) await session.settle([dead(row, { continues })]);
  }
  await session[Symbol.asyncDispose]();
}

/** The ids of the dead letters, in the order of the list. */
export async function deadIds(storage: Storage, filter: DeadLetterFilter = {}): Promise<string> {
  const letters = await storage.outbox.deadLetters.list(filter);
  return letters.map(({ envelope }) => envelope.id).join(" ");
}

/** Checks that an envelope is another one, byte for byte. */
export function expectEnvelope(
  actual: Envelope | undefined,
  { body, time, ...expected }: Envelope,
): void {
  if (actual === undefined) throw new ConformanceError("There is no envelope");
  const { body: found, time: foundTime, ...attributes } = actual;
  expectSame("The attributes", attributes, expected);
  expectSame("The time", foundTime.toISOString(), time.toISOString());
  const isBytes = found instanceof Uint8Array;
  expectSame("Whether the body is bytes", isBytes, true);
  expectSame("The length of the body", found.length, body.length);
  expectSame("The first wrong byte", found.findIndex((byte, n) => byte !== body[n]), -1);
}

/** What a promise is rejected with. */
export async function rejection(what: string, promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new ConformanceError(`${what} was not rejected`);
}

/** Checks that a promise is rejected with an error of this library that has a code. */
export async function expectCode(
  what: string,
  promise: Promise<unknown>,
  code: string,
): Promise<void> {
  expectSame(`The code of the error of ${what}`, Object(await rejection(what, promise)).code, code);
}

/** Checks that a promise is rejected with an error of a class that the language has. */
export async function expectError(
  what: string,
  promise: Promise<unknown>,
  type: typeof TypeError | typeof RangeError,
): Promise<void> {
  const error = await rejection(what, promise);
  if (error instanceof type) return;
  throw new ConformanceError(`${what} was rejected with ${error}, must be a ${type.name}`);
}

/** A promise that a case resolves when it is time. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** A transaction that stands open until it is let go. */
export interface StandingTransaction {
  /** Resolves when what it had to do is done. */
  readonly done: Promise<void>;
  /** Commits it. */
  commit(): Promise<void>;
}

/** Does something in a transaction, and leaves that open. */
export function leaveOpen(
  storage: Storage,
  act: (tx: StorageTransaction) => Promise<void>,
): StandingTransaction {
  const done = gate();
  const end = gate();
  const transaction = storage.transaction(async (tx) => {
    await act(tx);
    done.open();
    await end.opened;
  });
  return {
    done: Promise.race([done.opened, transaction]),
    commit() {
      end.open();
      return transaction;
    },
  };
}
