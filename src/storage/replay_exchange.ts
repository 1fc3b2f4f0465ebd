/** Where a run is. */
export interface RunPlace {
  /** Whom the run belongs to. */
  readonly owner: string;
  /** The node that runs it. */
  readonly node: string;
}

/** What a node wants of another one: to read a run of it, or to delete it. */
export interface ReplayAsk {
  /** Identifies the conversation. */
  readonly link: string;
  /** The node that runs the run. */
  readonly node: string;
  /** The node that asks. */
  readonly from: string;
  readonly run: string;
  readonly owner: string;
  readonly kind: "read" | "delete";
  /** How many events the reader has. */
  readonly position: number;
  /** How many answers it has asked for; none as long as it only is connected. */
  readonly wanted: number;
}

/**
 * What there is of an answer.
 *
 * - `"none"`: nothing yet.
 * - `"silent"`: nothing, and its node has given no sign of life for the time of its lease.
 * - `"lost"`: nothing, and there will be nothing, as the conversation is not known any more. It says
 *   nothing about the run: whoever asks again may find it.
 */
export type ReplayAnswer =
  | { readonly state: "here"; readonly text: string }
  | { readonly state: "none" | "silent" | "lost" };

/**
 * How the nodes of replay logs find each other and talk: through a database that all of them reach. A
 * node is one log in one process. Everything is short-lived; what is left by nodes that died is
 * deleted by others, some leases later.
 */
export interface ReplayExchange {
  /**
   * Says that a node lives, for another `leaseMs`, and forgets those that have been silent for long,
   * with their runs and conversations.
   *
   * @returns Whether the node was known. If not, it is new, or others have forgotten it and its runs.
   */
  beat(node: string, leaseMs: number): Promise<boolean>;
  /** Says that a node is gone, with all of its runs. */
  leave(node: string): Promise<void>;
  /**
   * Says where a run is; gives `false`, and changes nothing, if that was said already.
   *
   * @throws If the node is not known.
   */
  register(run: string, place: RunPlace): Promise<boolean>;
  /** Takes that back. */
  forget(run: string): Promise<void>;
  /** Where a run is, as long as its node is known. */
  find(run: string): Promise<RunPlace | undefined>;
  /** Begins a conversation, and wakes the node that is asked; gives `false` if that is not known. */
  ask(ask: ReplayAsk): Promise<boolean>;
  /** Asks for more in a conversation, and wakes the node; does nothing if the conversation is lost. */
  want(ask: ReplayAsk): Promise<void>;
  /** What a node is asked by nodes that are not silent. */
  asksOf(node: string): Promise<readonly ReplayAsk[]>;
  /** Sends an answer, and wakes who has asked. Answers are texts of any length, numbered from 0. */
  answer(ask: ReplayAsk, number: number, text: string): Promise<void>;
  /** Looks for an answer. Those before it need not be kept any longer. */
  answerOf(ask: ReplayAsk, number: number): Promise<ReplayAnswer>;
  /** Ends a conversation, forgets all of it, and wakes the node that is asked. It may be called again. */
  close(ask: ReplayAsk): Promise<void>;
  /** Calls `onWake` when there may be an ask or an answer for a node. Absent where nodes can only look. */
  subscribe?(node: string, onWake: () => void): Promise<AsyncDisposable>;
}
