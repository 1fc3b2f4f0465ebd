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
 * How the nodes of replay logs find each other and talk: through a database that all of them reach. A
 * node is one log in one process. Everything is short-lived; what is left by nodes that died is
 * deleted by others.
 */
export interface ReplayExchange {
  /** Says that a node lives, for another `leaseMs`, and forgets those that do not. */
  beat(node: string, leaseMs: number): Promise<void>;
  /** Says that a node is gone, with all of its runs. */
  leave(node: string): Promise<void>;
  /** Says where a run is; gives `false`, and changes nothing, if it is at a node that lives. */
  register(run: string, place: RunPlace): Promise<boolean>;
  /** Takes that back. */
  forget(run: string): Promise<void>;
  /** Where a run is, if its node lives. */
  find(run: string): Promise<RunPlace | undefined>;
  /** Asks something, or asks for more. */
  ask(ask: ReplayAsk): Promise<void>;
  /** What a node is asked by nodes that live. */
  asksOf(node: string): Promise<readonly ReplayAsk[]>;
  /** Sends an answer: texts of any length, numbered from 0. */
  answer(link: string, number: number, text: string): Promise<void>;
  /** An answer; `undefined` as long as there is none; `null` if there will be none as its node is dead. */
  answerOf(ask: ReplayAsk, number: number): Promise<string | null | undefined>;
  /** Ends a conversation, and forgets all of it. */
  close(ask: ReplayAsk): Promise<void>;
  /** Wakes the nodes that wait for asks and answers, as far as that can be done. */
  wake(): void;
  /** Calls `onWake` when there may be an ask or an answer. Absent where nodes can only look. */
  subscribe?(onWake: () => void): Promise<AsyncDisposable>;
}
