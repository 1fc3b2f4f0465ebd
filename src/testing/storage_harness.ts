import type { OutboxOptions, Storage, StorageTransaction } from "../storage/mod.ts";

/**
 * What the cases of `storageCases` and `outboxCases` need; made anew for each case.
 *
 * The cases do not know the type of the transactions: each comes from the harness' own storage and
 * goes back to it, so a harness with a type of its own fits where one without is asked for.
 *
 * @typeParam Tx The type of the storage's transactions.
 */
export interface StorageHarness<Tx extends StorageTransaction = StorageTransaction>
  extends AsyncDisposable {
  /** The storage to try, migrated; nothing is stored in it yet. */
  readonly storage: Storage<Tx>;
  /**
   * Whether two transactions can be open at the same time. Where one connection is all there is,
   * the runner leaves out the cases that need `"concurrency"`, and says so.
   */
  readonly isConcurrent: boolean;
  /** How many bytes the body of a message may have. @default {Infinity} */
  readonly maxBodyBytes?: number;
  /** Opens the same database as another process would, with these options for its outbox. */
  open(options?: OutboxOptions): Promise<Storage<Tx>> | Storage<Tx>;
  /** Lets time pass for leases, for what waits, and for the age of what is stored. */
  advance(durationMs: number): Promise<void>;
  /** Writes data of the application's own in a transaction. */
  put(tx: Tx, name: string, value: string): Promise<void>;
  /** Reads such data as it is committed. */
  get(name: string): Promise<string | undefined>;
}
