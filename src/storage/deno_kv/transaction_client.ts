import type { DenoKv, DenoKvAtomic, DenoKvEntryMaybe, DenoKvKey } from "./deno_kv.ts";
import { keyName } from "./key_name.ts";
import { isKvU64 } from "./kv_u64.ts";
import { MAX_GET_MANY } from "./limits.ts";
import {
  COMMIT_BUDGET,
  costOfCheck,
  costOfDelete,
  costOfSet,
  type DenoKvBudget,
  type TransactionBudget,
} from "./transaction_budget.ts";
import { valueSize } from "./value_size.ts";
import { addWrites, type Write } from "./writes.ts";

/** What a transaction finds under a key. */
export interface DenoKvTransactionEntry<T = unknown> {
  /** The key. */
  readonly key: DenoKvKey;
  /** The value; `null` if there is none. */
  readonly value: T | null;
  /** The versionstamp; `null` if there is no value, or it is one that this transaction has written. */
  readonly versionstamp: string | null;
}

/**
 * A `Deno.Kv` as it is within one transaction: what is read is checked, and what is written takes
 * effect, with the commit.
 *
 * A transaction can hold only so much. Whatever would exceed that throws where it is asked for, has no
 * effect, and leaves the transaction as it was.
 */
export interface DenoKvTransactionClient {
  /** What a transaction can hold when it begins. */
  readonly budget: DenoKvBudget;
  /** What this one can take still, beside the writes and messages that it has. */
  readonly remaining: DenoKvBudget;
  /**
   * Reads a key. If somebody changes it before the commit, that fails. Reading it again gives the
   * same; after it was written, what was written.
   *
   * @throws {TransactionTooLargeError} If the transaction has read as many keys as it can.
   * @throws {TypeError} If the transaction has ended, or has changed the key with `sum`, `min` or `max`.
   */
  get<T = unknown>(key: DenoKvKey): Promise<DenoKvTransactionEntry<T>>;
  /** Reads keys as {@linkcode DenoKvTransactionClient.get} does, any number of them. */
  getMany<T = unknown>(
    keys: readonly DenoKvKey[],
  ): Promise<ReadonlyArray<DenoKvTransactionEntry<T>>>;
  /**
   * Sets a value, which is copied. `expireIn` is in milliseconds, and may delete it later than that.
   *
   * @throws {TransactionTooLargeError} If the value is too large, or all that is written.
   * @throws {TypeError} If the transaction has ended.
   */
  set(key: DenoKvKey, value: unknown, options?: { readonly expireIn?: number }): void;
  /** Deletes a value; throws as {@linkcode DenoKvTransactionClient.set} does. */
  delete(key: DenoKvKey): void;
  /** Adds to a `Deno.KvU64`, without a conflict with others; throws as {@linkcode DenoKvTransactionClient.set} does. */
  sum(key: DenoKvKey, n: bigint): void;
  /** Lowers a `Deno.KvU64` to `n` if it is greater, like {@linkcode DenoKvTransactionClient.sum}. */
  min(key: DenoKvKey, n: bigint): void;
  /** Raises a `Deno.KvU64` to `n` if it is less, like {@linkcode DenoKvTransactionClient.sum}. */
  max(key: DenoKvKey, n: bigint): void;
}

/** What a transaction has written under a key. */
type Written =
  | { readonly type: "set"; readonly value: unknown }
  | { readonly type: "delete" }
  | { readonly type: "computed" };

const DELETED: Written = { type: "delete" };

/** The client of an open transaction; it collects checks and writes in an atomic operation. */
export class TransactionClient implements DenoKvTransactionClient {
  readonly #kv: DenoKv;
  readonly #operation: DenoKvAtomic;
  readonly #budget: TransactionBudget;
  readonly #reads: Map<string, Promise<DenoKvEntryMaybe>> = new Map();
  readonly #writes: Map<string, Written> = new Map();
  #isOpen = true;

  constructor(kv: DenoKv, operation: DenoKvAtomic, budget: TransactionBudget) {
    this.#kv = kv;
    this.#operation = operation;
    this.#budget = budget;
  }

  get budget(): DenoKvBudget {
    return COMMIT_BUDGET;
  }

  get remaining(): DenoKvBudget {
    return this.#budget.remaining;
  }

  /** Whether it has written anything. */
  get hasWrites(): boolean {
    return this.#writes.size > 0;
  }

  /** Takes nothing more. */
  end(): void {
    this.#isOpen = false;
  }

  /** Throws unless it is open: what comes too late must not get lost unnoticed. */
  checkOpen(action: string): void {
    if (!this.#isOpen) throw new TypeError(`Cannot ${action} as the transaction has ended`);
  }

  async get<T>(key: DenoKvKey): Promise<DenoKvTransactionEntry<T>> {
    const [entry] = await this.getMany<T>([key]);
    return entry as DenoKvTransactionEntry<T>;
  }

  async getMany<T>(
    keys: readonly DenoKvKey[],
  ): Promise<ReadonlyArray<DenoKvTransactionEntry<T>>> {
    this.checkOpen("read");
    const names = keys.map(keyName);
    for (const name of names) {
      if (this.#writes.get(name)?.type === "computed") {
        throw new TypeError(
          "Cannot read a key after sum(), min() or max(): its value is not known",
        );
      }
    }
    this.#fetch(keys.filter((_, n) => !this.#isKnown(names[n])));
    const entries = keys.map((key, n) => this.#entry(key, names[n] ?? ""));
    return await Promise.all(entries) as ReadonlyArray<DenoKvTransactionEntry<T>>;
  }

  set(key: DenoKvKey, value: unknown, { expireIn }: { readonly expireIn?: number } = {}): void {
    const copy = copyOf(value);
    const options = expireIn === undefined ? {} : { expireIn };
    this.#write(key, costOfSet(key, valueSize(copy)), { type: "set", value: copy }, (operation) => {
      operation.set(key, copy, options);
    });
  }

  delete(key: DenoKvKey): void {
    this.#write(key, costOfDelete(key), { type: "delete" }, (operation) => {
      operation.delete(key);
    });
  }

  /** Lets the commit fail unless a key has that versionstamp still. */
  check(key: DenoKvKey, versionstamp: string): void {
    this.checkOpen("check");
    this.#budget.spend(costOfCheck(key));
    this.#operation.check({ key, versionstamp });
  }

  /** Writes all of it, or throws and writes nothing. */
  writeAll(writes: readonly Write[]): void {
    this.checkOpen("write");
    const copies = writes.map(({ key, value }) => ({
      key,
      value: value === undefined ? value : copyOf(value),
    }));
    this.#budget.spend(
      copies.map(({ key, value }) =>
        value === undefined ? costOfDelete(key) : costOfSet(key, valueSize(value))
      ),
    );
    addWrites(this.#operation, copies);
    for (const { key, value } of copies) {
      const written = value === undefined ? DELETED : { type: "set" as const, value };
      this.#writes.set(keyName(key), written);
    }
  }

  sum(key: DenoKvKey, n: bigint): void {
    this.#compute(key, (operation) => operation.sum(key, n));
  }

  min(key: DenoKvKey, n: bigint): void {
    this.#compute(key, (operation) => operation.min(key, n));
  }

  max(key: DenoKvKey, n: bigint): void {
    this.#compute(key, (operation) => operation.max(key, n));
  }

  #compute(key: DenoKvKey, act: (operation: DenoKvAtomic) => unknown): void {
    this.#write(key, costOfSet(key, U64_BYTES), { type: "computed" }, act);
  }

  #write(
    key: DenoKvKey,
    cost: DenoKvBudget,
    written: Written,
    act: (operation: DenoKvAtomic) => unknown,
  ): void {
    this.checkOpen("write");
    this.#budget.spend(cost);
    try {
      act(this.#operation);
    } catch (error) {
      this.#budget.refund(cost);
      throw error;
    }
    this.#writes.set(keyName(key), written);
  }

  #isKnown(name = ""): boolean {
    return this.#writes.has(name) || this.#reads.has(name);
  }

  /** Reads keys that were not read before, and lets the commit check them. */
  #fetch(keys: readonly DenoKvKey[]): void {
    const missing = [...new Map(keys.map((key) => [keyName(key), key]))];
    const costs = missing.map(([, key]) => costOfCheck(key));
    this.#budget.spend(costs);
    for (let n = 0; n < missing.length; n += MAX_GET_MANY) {
      const part = missing.slice(n, n + MAX_GET_MANY);
      const reading = this.#kv.getMany(part.map(([, key]) => key));
      for (const [index, [name, key]] of part.entries()) {
        this.#reads.set(name, this.#check(key, reading.then((entries) => entries[index])));
      }
    }
  }

  async #check(
    key: DenoKvKey,
    reading: Promise<DenoKvEntryMaybe | undefined>,
  ): Promise<DenoKvEntryMaybe> {
    try {
      const { value = null, versionstamp = null } = await reading ?? {};
      this.#operation.check({ key, versionstamp });
      return { key, value, versionstamp } as DenoKvEntryMaybe;
    } catch (error) {
      this.#budget.refund(costOfCheck(key));
      this.#reads.delete(keyName(key));
      throw error;
    }
  }

  async #entry(key: DenoKvKey, name: string): Promise<DenoKvTransactionEntry> {
    const written = this.#writes.get(name);
    if (written?.type === "set") return { key, value: copyOf(written.value), versionstamp: null };
    if (written !== undefined) return { key, value: null, versionstamp: null };
    const entry = await this.#reads.get(name);
    return { key, value: copyOf(entry?.value ?? null), versionstamp: entry?.versionstamp ?? null };
  }
}

const U64_BYTES = 8;

/** A copy that nobody else can change. */
function copyOf(value: unknown): unknown {
  if (isKvU64(value)) return value;
  // A copy of a part of a buffer would be one of the whole buffer.
  return value instanceof Uint8Array ? new Uint8Array(value) : structuredClone(value);
}
