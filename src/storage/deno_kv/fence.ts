import { LeaseLostError } from "../mod.ts";
import type { DenoKvAtomic } from "./deno_kv.ts";
import type { RelayRecord } from "./hold.ts";
import type { KvDatabase } from "./kv_database.ts";
import { GRACE } from "./relay_watch.ts";

/** How a fence goes about a commit. */
export interface FenceOptions {
  /** Gives a sign of life in any case. */
  readonly renews?: boolean;
  /** Ends the relay with the commit: what it holds is free. */
  readonly ends?: boolean;
}

/**
 * The key of a relay in the database. Whatever the relay writes depends on it, and whoever takes over
 * deletes it first; so a relay that was taken over writes nothing more, however late it notices.
 *
 * Its methods are called one after the other.
 */
export class Fence {
  readonly id: string;
  readonly #database: KvDatabase;
  readonly #record: Omit<RelayRecord, "untilMs">;
  /** The versionstamp of its key; `null` before there is one. */
  #versionstamp: string | null = null;
  #renewedMs = -Infinity;

  constructor(database: KvDatabase, id: string, record: Omit<RelayRecord, "untilMs">) {
    this.#database = database;
    this.id = id;
    this.#record = record;
  }

  /** Whether the relay is in the database, as far as it knows. */
  get isRegistered(): boolean {
    return this.#versionstamp !== null;
  }

  /** Whether its sign of life gets old. */
  get isDue(): boolean {
    return this.#database.clock.now() - this.#renewedMs > this.#record.leaseMs * GRACE;
  }

  /**
   * Commits what `act` adds to an atomic operation.
   *
   * @returns Whether it was done; it was not if a check failed that `act` has added.
   * @throws {LeaseLostError} If the relay was taken over.
   */
  async commit(
    act: (operation: DenoKvAtomic) => void,
    options: FenceOptions = {},
  ): Promise<boolean> {
    for (;;) {
      const versionstamp = this.#versionstamp;
      if (await this.#try(act, options)) return true;
      const found = await this.#database.kv.get(this.#key);
      if (found.versionstamp === null && versionstamp !== null) throw new LeaseLostError();
      // Only this relay sets its key, so one that is another than expected was set by a commit that
      // has reported a failure: the network had failed behind it, and it was tried twice.
      if (found.versionstamp === versionstamp) return false;
      this.#versionstamp = found.versionstamp;
    }
  }

  get #key() {
    return this.#database.keys.relay(this.id);
  }

  async #try(
    act: (operation: DenoKvAtomic) => void,
    { renews = false, ends = false }: FenceOptions,
  ): Promise<boolean> {
    const { kv, clock } = this.#database;
    const nowMs = clock.now();
    const sets = !ends && (renews || this.isDue);
    const operation = kv.atomic().check({ key: this.#key, versionstamp: this.#versionstamp });
    if (sets) operation.set(this.#key, this.#value(nowMs));
    if (ends) operation.delete(this.#key);
    act(operation);
    const versionstamp = await this.#database.commit(operation);
    if (versionstamp === undefined) return false;
    if (sets) {
      this.#versionstamp = versionstamp;
      this.#renewedMs = nowMs;
    }
    return true;
  }

  #value(nowMs: number): RelayRecord {
    const { leaseMs } = this.#record;
    return { ...this.#record, untilMs: nowMs + leaseMs * (1 + GRACE) };
  }
}
