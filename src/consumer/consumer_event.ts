import type { Envelope } from "../message/mod.ts";

/** What a consumer did with a message. */
export type ConsumerEvent =
  /** It was handled: its transaction is committed. */
  | { readonly type: "handled"; readonly envelope: Envelope; readonly attempts: number }
  /** It was handled before, so nothing was run. */
  | { readonly type: "duplicate"; readonly envelope: Envelope }
  /** The application handles no such message on this topic; it is acknowledged. */
  | { readonly type: "unhandled"; readonly envelope: Envelope }
  /**
   * Its handlers failed, and nothing of what they did remains; or its codec cannot read it for now. It is
   * tried again after a delay.
   */
  | {
    readonly type: "failed";
    readonly envelope: Envelope;
    readonly error: unknown;
    readonly attempt: number;
    readonly retryAfterMs: number;
  }
  /** It was given up: it is a dead letter now. */
  | {
    readonly type: "dead_lettered";
    readonly envelope: Envelope;
    readonly error: unknown;
    readonly attempts: number;
  }
  /** Messages that were to be handled in one transaction are handled one by one, as that failed. */
  | { readonly type: "batch_failed"; readonly size: number; readonly error: unknown }
  /**
   * The database does not answer, or has not committed what no handler has failed at. It counts as no
   * attempt, and is tried again after a delay; what is refused as often as attempts are allowed, while the
   * database answers all else, is given up.
   */
  | { readonly type: "storage_failed"; readonly error: unknown; readonly retryAfterMs: number }
  /** The broker does not answer. What is unsettled comes again. The consumer tries again after a delay. */
  | { readonly type: "source_failed"; readonly error: unknown; readonly retryAfterMs: number };
