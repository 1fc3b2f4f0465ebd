import {
  type BuriedMessage,
  ConcurrencyError,
  type InboxClaim,
  type InboxClaimOptions,
  type InboxStart,
  type InboxStatistics,
  type InboxStore,
  leaseMsOf,
  maxCountOf,
  type PurgeOptions,
} from "../mod.ts";
import { claimOf, type InboxMessage, inboxName, messageOf, replacing } from "./inbox_entry.ts";
import { purgeInbox } from "./inbox_purge.ts";
import type { InboxName } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { KvInboxDeadLetters } from "./kv_inbox_dead_letters.ts";
import { type DenoKvTransaction, openedOf, OpenTransaction } from "./kv_transaction.ts";
import { MAX_OWN_CHECKS } from "./limits.ts";
import { addWrites } from "./writes.ts";

/** What becomes of a message: `undefined` if it stays as it is, `null` if it is forgotten. */
type Change = (before: InboxMessage | undefined) => Omit<InboxMessage, "atMs"> | null | undefined;

/** The inbox of a storage on Deno KV. */
export class KvInbox implements InboxStore<DenoKvTransaction> {
  readonly deadLetters: KvInboxDeadLetters;
  readonly #database: KvDatabase;

  constructor(database: KvDatabase) {
    this.#database = database;
    this.deadLetters = new KvInboxDeadLetters(database);
  }

  async begin(consumer: string, messageIds: readonly string[]): Promise<readonly InboxStart[]> {
    const known = await this.#change(consumer, messageIds, (before) => {
      return before === undefined ? { kind: "message", starts: 1, isDone: false } : undefined;
    });
    return messageIds.map((id) => {
      const { isDone = false, starts = 0 } = known.get(id) ?? {};
      return { isHandled: isDone, starts: isDone ? 0 : starts };
    });
  }

  async beginAgain(consumer: string, messageId: string): Promise<void> {
    await this.#change(consumer, [messageId], (before) => {
      if (before?.isDone) return undefined;
      return { kind: "message", starts: (before?.starts ?? 0) + 1, isDone: false };
    });
  }

  async release(consumer: string, messageIds: readonly string[]): Promise<void> {
    await this.#change(consumer, messageIds, (before) => {
      if (before === undefined || before.isDone) return undefined;
      return before.starts > 1 ? { ...before, starts: before.starts - 1 } : null;
    });
  }

  async record(
    tx: DenoKvTransaction,
    consumer: string,
    messageIds: readonly string[],
  ): Promise<readonly boolean[]> {
    const open = openedOf(tx, this.#database, "record");
    const { client } = open;
    const { keys, clock } = this.#database;
    const ids = [...new Set(messageIds)];
    const names = await Promise.all(ids.map((id) => inboxName("message", consumer, id)));
    return await open.turns.take(async () => {
      const entries = await client.getMany(names.map((name) => keys.inboxEntry(name)));
      const fresh = new Set<string>();
      const next = { kind: "message", atMs: clock.now(), starts: 0, isDone: true } as const;
      const writes = names.flatMap((name, n) => {
        const before = messageOf(entries[n]?.value);
        if (before?.isDone) return [];
        fresh.add(ids[n] ?? "");
        return replacing(keys, name, { before, next });
      });
      client.writeAll(writes);
      return messageIds.map((id) => fresh.delete(id)); // the second time it is not new
    });
  }

  async bury(tx: DenoKvTransaction, letter: BuriedMessage): Promise<void> {
    await this.deadLetters.bury(openedOf(tx, this.#database, "bury"), letter);
  }

  async claim(scope: string, key: string, options: InboxClaimOptions): Promise<InboxClaim> {
    const leaseMs = leaseMsOf(options);
    const { kv, keys, clock } = this.#database;
    const { fingerprint, owner } = options;
    const name = await inboxName("claim", scope, key);
    const entryKey = keys.inboxEntry(name);
    for (;;) {
      const { value, versionstamp } = await kv.get(entryKey);
      const before = claimOf(value);
      const nowMs = clock.now();
      if (before !== undefined) {
        if (before.fingerprint !== fingerprint) return { state: "mismatch" };
        if (before.answer !== null) return { state: "done", answer: before.answer };
        const leftMs = before.untilMs - nowMs;
        if (leftMs > 0) return { state: "running", leftMs };
      }
      const next = { owner, fingerprint, untilMs: nowMs + leaseMs, answer: null };
      const operation = kv.atomic().check({ key: entryKey, versionstamp });
      const entry = { kind: "claim", atMs: nowMs, ...next } as const;
      addWrites(operation, replacing(keys, name, { before, next: entry }));
      if (await this.#database.commit(operation) !== undefined) return { state: "claimed" };
    }
  }

  async complete(
    tx: DenoKvTransaction | undefined,
    scope: string,
    key: string,
    done: { readonly owner: string; readonly answer: Uint8Array },
  ): Promise<boolean> {
    const name = await inboxName("claim", scope, key);
    if (tx !== undefined) {
      return this.#complete(openedOf(tx, this.#database, "complete"), name, done);
    }
    for (;;) {
      const own = new OpenTransaction(this.#database);
      const isDone = await this.#complete(own, name, done);
      try {
        await own.commit();
        return isDone;
      } catch (error) {
        if (!(error instanceof ConcurrencyError)) throw error; // else it looks again
      }
    }
  }

  async abandon(scope: string, key: string, owner: string): Promise<void> {
    const { kv, keys } = this.#database;
    const name = await inboxName("claim", scope, key);
    const entryKey = keys.inboxEntry(name);
    const { value, versionstamp } = await kv.get(entryKey);
    const before = claimOf(value);
    if (before?.owner !== owner || before.answer !== null) return;
    const operation = kv.atomic().check({ key: entryKey, versionstamp });
    addWrites(operation, replacing(keys, name, { before }));
    await this.#database.commit(operation); // if that fails, it is done, or somebody else's
  }

  async purge(options: PurgeOptions): Promise<number> {
    return await purgeInbox(this.#database, options);
  }

  async statistics(options: { readonly maxCount?: number } = {}): Promise<InboxStatistics> {
    return await this.deadLetters.count(maxCountOf(options));
  }

  #complete(
    tx: OpenTransaction,
    name: InboxName,
    { owner, answer }: { readonly owner: string; readonly answer: Uint8Array },
  ): Promise<boolean> {
    const { client } = tx;
    const { keys, clock } = this.#database;
    return tx.turns.take(async () => {
      const before = claimOf((await client.get(keys.inboxEntry(name))).value);
      if (before?.owner !== owner || before.answer !== null) return false;
      const next = { ...before, atMs: clock.now(), answer: new Uint8Array(answer) };
      client.writeAll(replacing(keys, name, { before, next }));
      return true;
    });
  }

  /** Changes messages, a few at a time. Resolves to what was known of them before. */
  async #change(
    consumer: string,
    messageIds: readonly string[],
    change: Change,
  ): Promise<Map<string, InboxMessage | undefined>> {
    const ids = [...new Set(messageIds)];
    const known = new Map<string, InboxMessage | undefined>();
    for (let n = 0; n < ids.length; n += MAX_OWN_CHECKS) {
      const part = ids.slice(n, n + MAX_OWN_CHECKS);
      const names = await Promise.all(part.map((id) => inboxName("message", consumer, id)));
      const before = await this.#changeSome(names, change);
      for (const [index, id] of part.entries()) known.set(id, before[index]);
    }
    return known;
  }

  async #changeSome(
    names: readonly InboxName[],
    change: Change,
  ): Promise<ReadonlyArray<InboxMessage | undefined>> {
    const { kv, keys, clock } = this.#database;
    const all = names.map((name) => ({ name, key: keys.inboxEntry(name) }));
    for (;;) {
      const entries = await kv.getMany(all.map(({ key }) => key));
      const known = entries.map(({ value }) => messageOf(value));
      const operation = kv.atomic();
      let isChanged = false;
      for (const [n, { name, key }] of all.entries()) {
        const before = known[n];
        const after = change(before);
        if (after === undefined) continue;
        isChanged = true;
        operation.check({ key, versionstamp: entries[n]?.versionstamp ?? null });
        const next = after === null ? {} : { next: { ...after, atMs: clock.now() } };
        addWrites(operation, replacing(keys, name, { before, ...next }));
      }
      // If that fails, somebody else has changed one of them, which may tell something new.
      if (!isChanged || await this.#database.commit(operation) !== undefined) return known;
    }
  }
}
