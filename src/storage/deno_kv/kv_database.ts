import type { Clock } from "../../clock.ts";
import { retryAsync, type RetryPolicy, retryPolicy } from "../../resilience/mod.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry, DenoKvSelector } from "./deno_kv.ts";
import type { Keys } from "./keys.ts";
import { LIST_PAGE } from "./limits.ts";
import { refusalOf } from "./transaction_errors.ts";

/** A database, and how it is used: where things are, what time it is, what is done when it is locked. */
export class KvDatabase {
  readonly kv: DenoKv;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly #policy: RetryPolicy;

  constructor(kv: DenoKv, keys: Keys, clock: Clock) {
    this.kv = kv;
    this.keys = keys;
    this.clock = clock;
    this.#policy = retryPolicy({
      maxAttempts: MAX_ATTEMPTS,
      backoff: { initialDelayMs: 2, maxDelayMs: 200 },
      when: isLocked,
      clock,
    });
  }

  /**
   * Commits an operation; again, as often as it takes, while another process writes to the same file:
   * nothing is written then.
   *
   * @returns The new versionstamp; `undefined` if a check failed.
   * @throws {TransactionTooLargeError} If the database refuses it as too large.
   */
  async commit(operation: DenoKvAtomic): Promise<string | undefined> {
    try {
      const result = await retryAsync(() => operation.commit(), this.#policy);
      return result.ok ? result.versionstamp : undefined;
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /**
   * Lists up to `limit` entries. Up to {@linkcode LIST_PAGE} are of one point in time.
   *
   * @param limit A positive integer.
   */
  async list(selector: DenoKvSelector, limit: number): Promise<DenoKvEntry[]> {
    const entries: DenoKvEntry[] = [];
    for await (const entry of this.walk(selector, limit)) entries.push(entry);
    return entries;
  }

  /**
   * Lists entries one by one; `Infinity` are all.
   *
   * @param expected How many will be looked at, as far as is known: no more are read at a time.
   */
  walk(selector: DenoKvSelector, limit: number, expected = limit): AsyncIterable<DenoKvEntry> {
    const batchSize = Math.min(expected, LIST_PAGE);
    return this.kv.list(selector, limit === Infinity ? { batchSize } : { limit, batchSize });
  }
}

/** With delays of 100 ms on average it goes on for some 20 seconds. */
const MAX_ATTEMPTS = 200;

/** Whether an error of the database says that another process is writing to its file. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message.includes("database is locked");
}
