import type { Envelope } from "../message/mod.ts";

/** Where notifications are kept until something publishes them, such as the outbox of a storage. */
export interface NotificationStore {
  /**
   * Stores envelopes for good, all of them or none, in their order.
   *
   * @throws Whatever keeps it from doing so.
   */
  store(envelopes: readonly Envelope[]): Promise<void>;
}

/**
 * Work that takes effect as a whole or not at all, such as a transaction of a database. A middleware
 * opens it with `next({ unitOfWork })` and commits it when `next()` has resolved; what handlers emit
 * inside of it stands and falls with it. See {@linkcode NextOverrides.unitOfWork}.
 */
export interface UnitOfWork {
  /**
   * When the handlers of domain events run that are emitted inside: `"after"` the commit, or
   * `"inside"`, before it, one after the other and until one fails, which keeps the whole from
   * taking effect.
   *
   * @default {"after"}
   */
  readonly domainEvents?: "after" | "inside" | undefined;
  /**
   * Takes the notifications that were emitted inside, as a part of the work: once, in the order in
   * which they were emitted, and only if there are any. What it throws keeps the whole from taking
   * effect.
   */
  store(envelopes: readonly Envelope[]): Promise<void>;
}
