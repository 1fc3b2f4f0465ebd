import type { Envelope } from "../../message/mod.ts";
import { ConcurrencyError, OutboxWriter, type SagaSnapshot } from "../mod.ts";
import type { DenoKvEntry, DenoKvKey } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { OpenTransaction } from "./kv_transaction.ts";
import { MAX_OWN_CHECKS } from "./limits.ts";
import { comparePlaces, recordOf, type SagaEntry, sagaOf, writtenSaga } from "./saga_entry.ts";
import { lastNumberOf, logOf } from "./saga_log.ts";
import { readText } from "./saga_text.ts";
import type { WakeUps } from "./wake_ups.ts";
import { addWrites, type Write } from "./writes.ts";

/** A saga as it was found, or written. */
export interface FoundSaga {
  /** Its id as it is in keys. */
  readonly id: string;
  readonly saga: SagaEntry;
  readonly versionstamp: string;
}

/** A saga with what its log has. */
export interface WholeSaga extends FoundSaga {
  readonly log: readonly DenoKvEntry[];
}

/** What a saga becomes, and what is written with that. */
export interface SagaWrite {
  readonly next: SagaEntry;
  readonly more?: readonly Write[];
  readonly messages?: readonly Envelope[] | undefined;
}

/** A saga that is to be changed, with what is known of it, which need not be right still. */
export interface SagaTarget {
  readonly id: string;
  readonly known: FoundSaga | undefined;
}

/** How many sagas are remembered that this process has; of more, some are read once more for a write. */
const MAX_REMEMBERED = 2_000;

/**
 * The sagas of a database. Every write checks that the saga is the one that was read, or that this
 * process has written last, which it remembers: so what is remembered may be wrong, and costs a read
 * then.
 */
export class SagaTable {
  readonly database: KvDatabase;
  readonly #wakeUps: WakeUps;
  /** Takes messages as they are: whoever writes a checkpoint has given them their final form. */
  readonly #writer = new OutboxWriter({});
  /** What this process has, what was written last at the end. */
  readonly #remembered: Map<string, FoundSaga> = new Map();

  constructor(database: KvDatabase, wakeUps: WakeUps) {
    this.database = database;
    this.#wakeUps = wakeUps;
  }

  /** What is remembered of a saga. */
  remembered(id: string, revision: number): FoundSaga | undefined {
    const found = this.#remembered.get(id);
    return found?.saga.revision === revision ? found : undefined;
  }

  /** Reads sagas, up to ten. */
  async read(ids: readonly string[]): Promise<ReadonlyArray<FoundSaga | undefined>> {
    const { kv, keys } = this.database;
    const entries = await kv.getMany(ids.map((id) => keys.saga(id)));
    return entries.map(({ value, versionstamp }, n) => {
      const saga = sagaOf(value);
      if (saga === undefined || versionstamp === null) return undefined;
      return { id: ids[n] ?? "", saga, versionstamp };
    });
  }

  /** Reads a saga with its log. */
  async readWhole(id: string): Promise<WholeSaga | undefined> {
    const { keys } = this.database;
    const [first, ...log] = await this.database.list(keys.sagaWithLog(id), Infinity);
    const saga = sagaOf(first?.value);
    return first && saga && { id, saga, versionstamp: first.versionstamp, log };
  }

  /**
   * What a saga is, of which `whole` was read before; `undefined` if it has been changed or deleted
   * since.
   */
  async snapshot({ id, saga }: FoundSaga, whole?: WholeSaga): Promise<SagaSnapshot | undefined> {
    // What stands in a log stays as it is.
    const isRead = whole !== undefined && comparePlaces(whole.saga.place, saga.place) === 0 &&
      lastNumberOf(whole) >= saga.logged;
    const listed = isRead ? whole.log : (await this.readWhole(id))?.log ?? [];
    const log = await logOf(this.database, { id, saga, log: listed });
    const context = await readText(this.database, id, "context", saga.context);
    if (log === undefined || context === undefined) return undefined;
    return { record: recordOf(saga, context, this.database.clock.now()), log };
  }

  /** Stores a saga, unless there is one with its id. */
  async insert(id: string, next: SagaEntry, more: readonly Write[]): Promise<boolean> {
    const { kv, keys, clock } = this.database;
    const operation = kv.atomic().check({ key: keys.saga(id), versionstamp: null });
    const { saga, writes } = writtenSaga(keys, id, undefined, next, clock.now());
    addWrites(operation, writes);
    addWrites(operation, more);
    const versionstamp = await this.database.commit(operation);
    if (versionstamp !== undefined) this.#remember({ id, saga, versionstamp });
    return versionstamp !== undefined;
  }

  /**
   * Changes sagas, a few at a time, as often as it takes.
   *
   * @param change Gives what a saga becomes; `undefined` leaves it as it is.
   * @returns What was written, in the order of the targets; `undefined` for what was left as it is.
   */
  async change(
    targets: readonly SagaTarget[],
    change: (found: FoundSaga, n: number) => SagaWrite | undefined,
  ): Promise<ReadonlyArray<FoundSaga | undefined>> {
    const written: Array<FoundSaga | undefined> = [];
    for (let at = 0; at < targets.length; at += MAX_OWN_CHECKS) {
      const part = targets.slice(at, at + MAX_OWN_CHECKS);
      const changeOne = (found: FoundSaga, n: number) => change(found, at + n);
      const together = await this.#changeOnce(part, changeOne);
      // Where others write too, a single one is written sooner.
      written.push(...together ?? await this.#changeEach(part, changeOne));
    }
    return written;
  }

  /**
   * Writes a saga as it is to be.
   *
   * @returns What was written; `undefined` if it was changed since it was found.
   */
  async write(found: FoundSaga, { next, more = [], messages = [] }: SagaWrite): Promise<
    FoundSaga | undefined
  > {
    const { kv, keys, clock } = this.database;
    const { id } = found;
    const { saga, writes } = writtenSaga(keys, id, found.saga, next, clock.now());
    const check = { key: keys.saga(id), versionstamp: found.versionstamp };
    let versionstamp: string | undefined;
    if (messages.length > 0) {
      versionstamp = await this.#publish(check, [...writes, ...more], messages);
    } else {
      const operation = kv.atomic().check(check);
      addWrites(operation, writes);
      addWrites(operation, more);
      versionstamp = await this.database.commit(operation);
    }
    return versionstamp === undefined ? undefined : this.#remember({ id, saga, versionstamp });
  }

  async #publish(
    check: { readonly key: DenoKvKey; readonly versionstamp: string },
    writes: readonly Write[],
    messages: readonly Envelope[],
  ): Promise<string | undefined> {
    const tx = new OpenTransaction(this.database);
    tx.client.check(check.key, check.versionstamp);
    tx.client.writeAll(writes);
    await tx.append(messages, this.#writer);
    try {
      await tx.commit();
    } catch (error) {
      if (error instanceof ConcurrencyError) return undefined;
      throw error;
    }
    this.#wakeUps.callLocal();
    return tx.versionstamp;
  }

  async #changeEach(
    targets: readonly SagaTarget[],
    change: (found: FoundSaga, n: number) => SagaWrite | undefined,
  ): Promise<ReadonlyArray<FoundSaga | undefined>> {
    const written: Array<FoundSaga | undefined> = [];
    for (const [n, { id }] of targets.entries()) {
      let one: ReadonlyArray<FoundSaga | undefined> | undefined;
      do {
        one = await this.#changeOnce([{ id, known: undefined }], (found) => change(found, n));
      } while (one === undefined);
      written.push(...one);
    }
    return written;
  }

  /** Changes sagas; `undefined` if one of them was changed meanwhile, and nothing is written then. */
  async #changeOnce(
    targets: readonly SagaTarget[],
    change: (found: FoundSaga, n: number) => SagaWrite | undefined,
  ): Promise<ReadonlyArray<FoundSaga | undefined> | undefined> {
    const { kv, keys, clock } = this.database;
    const sagas = await this.#find(targets);
    const operation = kv.atomic();
    const nowMs = clock.now();
    const written = sagas.map((found, n) => {
      const write = found && change(found, n);
      if (found === undefined || write === undefined) return undefined;
      const { id, versionstamp } = found;
      const { saga, writes } = writtenSaga(keys, id, found.saga, write.next, nowMs);
      addWrites(operation.check({ key: keys.saga(id), versionstamp }), writes);
      addWrites(operation, write.more ?? []);
      return { id, saga };
    });
    if (written.every((each) => each === undefined)) return written;
    const versionstamp = await this.database.commit(operation);
    if (versionstamp === undefined) return undefined;
    return written.map((each) => each && this.#remember({ ...each, versionstamp }));
  }

  /** What is known of sagas, or is found of those of which nothing is. */
  async #find(targets: readonly SagaTarget[]): Promise<ReadonlyArray<FoundSaga | undefined>> {
    const unknown = targets.filter(({ known }) => known === undefined).map(({ id }) => id);
    if (unknown.length === 0) return targets.map(({ known }) => known);
    const read = [...await this.read(unknown)];
    return targets.map(({ known }) => known ?? read.shift());
  }

  #remember(found: FoundSaga): FoundSaga {
    const { id, saga } = found;
    this.#remembered.delete(id);
    if (saga.untilMs === 0) return found; // nobody has it
    this.#remembered.set(id, found);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
    return found;
  }
}
