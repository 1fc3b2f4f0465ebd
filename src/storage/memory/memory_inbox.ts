import {
  type BuriedMessage,
  type InboxClaim,
  type InboxClaimOptions,
  type InboxDeadLetter,
  type InboxDeadLetterFilter,
  type InboxDeadLetters,
  type InboxStart,
  type InboxStatistics,
  type InboxStore,
  leaseMsOf,
  listLimitOf,
  maxCountOf,
  purgeAgeMsOf,
  purgeLimitOf,
  type PurgeOptions,
} from "../mod.ts";
import type { MemoryDatabase } from "./memory_database.ts";
import { type MemoryTransaction, OpenTransaction } from "./memory_transaction.ts";

/** What is known of a message of a consumer, or of a key of a scope. It is replaced, never changed. */
export interface InboxEntry {
  readonly starts: number;
  readonly isDone: boolean;
  readonly touchedAtMs: number;
  readonly claim?: {
    readonly owner: string;
    readonly fingerprint: string;
    readonly untilMs: number;
    readonly answer?: Uint8Array;
  };
}

/** The inbox of a storage in memory. */
export class MemoryInbox implements InboxStore<MemoryTransaction> {
  readonly deadLetters: InboxDeadLetters<MemoryTransaction>;
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
    this.deadLetters = new MemoryInboxDeadLetters(database);
  }

  async begin(consumer: string, messageIds: readonly string[]): Promise<readonly InboxStart[]> {
    const { inbox } = this.#database;
    await Promise.resolve();
    const before = messageIds.map((id) => inbox.get(nameOf(consumer, id)));
    for (const [n, id] of messageIds.entries()) {
      if (before[n] === undefined) inbox.set(nameOf(consumer, id), this.#entry(1, false));
    }
    return before.map((entry) => ({
      isHandled: entry?.isDone ?? false,
      starts: entry?.isDone === false ? entry.starts : 0,
    }));
  }

  async beginAgain(consumer: string, messageId: string): Promise<void> {
    const { inbox } = this.#database;
    await Promise.resolve();
    const name = nameOf(consumer, messageId);
    const entry = inbox.get(name);
    if (entry?.isDone !== true) inbox.set(name, this.#entry((entry?.starts ?? 0) + 1, false));
  }

  async release(consumer: string, messageIds: readonly string[]): Promise<void> {
    const { inbox } = this.#database;
    await Promise.resolve();
    for (const id of messageIds) {
      const name = nameOf(consumer, id);
      const entry = inbox.get(name);
      if (entry === undefined || entry.isDone) continue;
      if (entry.starts > 1) inbox.set(name, this.#entry(entry.starts - 1, false));
      else inbox.delete(name);
    }
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async record(
    tx: MemoryTransaction,
    consumer: string,
    messageIds: readonly string[],
  ): Promise<readonly boolean[]> {
    const open = opened(tx, "record");
    return messageIds.map((id) => {
      const name = nameOf(consumer, id);
      if (open.inboxEntry(name)?.isDone === true) return false;
      open.setInboxEntry(name, this.#entry(0, true));
      return true;
    });
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async bury(tx: MemoryTransaction, letter: BuriedMessage): Promise<void> {
    const { clock } = this.#database;
    const position = String(this.#database.nextPosition());
    opened(tx, "bury").addDeadDelivery({ ...letter, position, diedAt: new Date(clock.now()) });
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async claim(scope: string, key: string, options: InboxClaimOptions): Promise<InboxClaim> {
    const leaseMs = leaseMsOf(options);
    const { inbox, clock } = this.#database;
    const { fingerprint, owner } = options;
    const name = nameOf(KEYS, scope, key);
    const { claim, isDone } = inbox.get(name) ?? {};
    if (claim !== undefined && claim.fingerprint !== fingerprint) return { state: "mismatch" };
    if (claim?.answer !== undefined && isDone) return { state: "done", answer: claim.answer };
    const leftMs = (claim?.untilMs ?? 0) - clock.now();
    if (leftMs > 0) return { state: "running", leftMs };
    const untilMs = clock.now() + leaseMs;
    inbox.set(name, { ...this.#entry(1, false), claim: { owner, fingerprint, untilMs } });
    return { state: "claimed" };
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async complete(
    tx: MemoryTransaction | undefined,
    scope: string,
    key: string,
    { owner, answer }: { readonly owner: string; readonly answer: Uint8Array },
  ): Promise<boolean> {
    const open = tx && opened(tx, "complete");
    const { inbox } = this.#database;
    const name = nameOf(KEYS, scope, key);
    const entry = open === undefined ? inbox.get(name) : open.inboxEntry(name);
    const claim = entry?.claim;
    if (claim?.owner !== owner || entry?.isDone === true) return false;
    const done = {
      ...this.#entry(1, true),
      claim: { ...claim, answer: answer.slice() },
    };
    if (open === undefined) inbox.set(name, done);
    else open.setInboxEntry(name, done);
    return true;
  }

  async abandon(scope: string, key: string, owner: string): Promise<void> {
    const { inbox } = this.#database;
    await Promise.resolve();
    const name = nameOf(KEYS, scope, key);
    const entry = inbox.get(name);
    if (entry?.claim?.owner === owner && !entry.isDone) inbox.delete(name);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async purge(options: PurgeOptions): Promise<number> {
    const limit = purgeLimitOf(options);
    const { inbox, clock } = this.#database;
    const latestMs = clock.now() - purgeAgeMsOf(options);
    const old = [...inbox].filter(([, { touchedAtMs }]) => touchedAtMs <= latestMs)
      .sort(([, a], [, b]) => a.touchedAtMs - b.touchedAtMs).slice(0, limit);
    for (const [name] of old) inbox.delete(name);
    return old.length;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async statistics(options: { readonly maxCount?: number } = {}): Promise<InboxStatistics> {
    const { deadDeliveries } = this.#database;
    return {
      deadLetters: Math.min(deadDeliveries.length, maxCountOf(options)),
      oldestDeadLetterAt: deadDeliveries[0]?.diedAt,
    };
  }

  #entry(starts: number, isDone: boolean): InboxEntry {
    return { starts, isDone, touchedAtMs: this.#database.clock.now() };
  }
}

class MemoryInboxDeadLetters implements InboxDeadLetters<MemoryTransaction> {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async list(filter: InboxDeadLetterFilter = {}): Promise<readonly InboxDeadLetter[]> {
    const limit = listLimitOf(filter);
    const { consumer, after } = filter;
    return this.#database.deadDeliveries
      .filter(({ position }) => after === undefined || Number(position) > Number(after))
      .filter((letter) => consumer === undefined || letter.consumer === consumer)
      .slice(0, limit);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async discard(consumer: string, messageIds: readonly string[]): Promise<number> {
    return this.#database.removeDeadDeliveries(({ consumer: of, envelope }) =>
      of === consumer && messageIds.includes(envelope.id)
    );
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async take(
    tx: MemoryTransaction,
    consumer: string,
    messageId: string,
  ): Promise<InboxDeadLetter | undefined> {
    return opened(tx, "take").takeDeadDelivery(({ consumer: of, envelope }) =>
      of === consumer && envelope.id === messageId
    );
  }
}

/** Tells keys from messages, whatever scopes and consumers are called. */
const KEYS = "keys";

function nameOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

function opened(tx: MemoryTransaction, action: string): OpenTransaction {
  if (tx instanceof OpenTransaction) return tx;
  throw new TypeError(`Cannot ${action} as this is no transaction of a storage in memory`);
}
