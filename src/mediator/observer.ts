import type { AnyEvent, AnyMessage, Envelope } from "../message/mod.ts";
import type { SagaStatus } from "../storage/mod.ts";

/** Why emitted events were not dispatched. */
export type DropReason =
  /** The handler that emitted them threw, or a middleware around it did, as one does whose transaction fails. */
  | "handler_failed"
  /** The caller aborted, a time limit passed, or whoever ran the handler did not wait for it. */
  | "cancelled"
  /** They lay deeper in a cascade than `maxDepth` allows. */
  | "event_cycle";

/**
 * Something that the application did or failed to do with a message.
 *
 * Every request and stream gives one `dispatched`, and at its end one
 * `completed`, `failed` or `cancelled`, and a stream that was left one `failed`
 * more if it fails on its way out. Every event gives one `dispatched`, then
 * one `failed` for each handler that failed, or one `completed`.
 */
export type ObserverEvent =
  /** A message goes to its handlers; `handlers` counts them. */
  | { readonly type: "dispatched"; readonly message: AnyMessage; readonly handlers: number }
  /**
   * A request was answered and everything that followed from it is done, but for what waits for the commit
   * of a unit of work around it; an event's own handlers are done.
   */
  | { readonly type: "completed"; readonly message: AnyMessage; readonly durationMs: number }
  /** A handler of the message failed for good, or something that followed from a request did. */
  | {
    readonly type: "failed";
    readonly message: AnyMessage;
    readonly durationMs: number;
    readonly error: unknown;
  }
  /** The caller aborted or left before the message was handled to its end. */
  | {
    readonly type: "cancelled";
    readonly message: AnyMessage;
    readonly durationMs: number;
    readonly reason: unknown;
  }
  /** An event has no handler in this process. */
  | { readonly type: "unhandled"; readonly message: AnyMessage }
  /** A handler failed and runs again after a delay; `attempt` counts the failed ones. */
  | {
    readonly type: "retrying";
    readonly message: AnyMessage;
    readonly attempt: number;
    readonly delayMs: number;
    readonly error: unknown;
  }
  /** A primary handler failed and its fallback answers. */
  | { readonly type: "fell_back"; readonly message: AnyMessage; readonly error: unknown }
  /** Emitted events will not be dispatched. */
  | {
    readonly type: "dropped";
    readonly messages: readonly AnyEvent[];
    readonly reason: DropReason;
  }
  /** A handler went on after its time limit or its caller's abort, and has ended now. */
  | {
    readonly type: "overran";
    readonly message: AnyMessage;
    readonly elapsedMs: number;
    readonly outcome: "fulfilled" | "rejected";
  }
  /** The scope of a handler or of a call could not be disposed. */
  | { readonly type: "disposal_failed"; readonly message: AnyMessage; readonly error: unknown }
  /**
   * A message is stored for good, to be published later: the storage of the application has taken it, or
   * the unit of work that has is committed.
   */
  | { readonly type: "stored"; readonly envelope: Envelope }
  /** A saga has ended, as a process of this application has brought it there. */
  | {
    readonly type: "saga_ended";
    readonly id: string;
    readonly name: string;
    readonly status: SagaStatus;
    readonly error: string | undefined;
  }
  /** A saga is parked: nobody goes on with it until somebody says so. */
  | {
    readonly type: "saga_parked";
    readonly id: string;
    readonly name: string;
    readonly reason: string;
  }
  /** A saga could not be gone on with, or given up in time; others can once its lease has ended. */
  | {
    readonly type: "saga_left";
    readonly id: string;
    readonly name: string;
    readonly error: unknown;
  }
  /** The broker confirmed a message. */
  | { readonly type: "published"; readonly envelope: Envelope }
  /** The broker did not confirm a message, or the storage of the application did not take it. */
  | { readonly type: "publish_failed"; readonly envelope: Envelope; readonly error: unknown };

/**
 * Sees everything that happens to messages. It is called synchronously, must
 * return quickly and must not throw: what it throws is ignored, so that a
 * broken observer cannot break what it observes.
 */
export type Observer = (event: ObserverEvent) => void;
