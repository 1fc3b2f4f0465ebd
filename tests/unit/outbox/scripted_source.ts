/**
 * A source of rows that a test writes down, and that records what becomes of them.
 *
 * @module
 */

import type { OutboxSource } from "../../../src/outbox/relay_options.ts";
import type {
  OutboxOutcome,
  OutboxRow,
  OutboxSession,
  OutboxSessionOptions,
} from "../../../src/storage/outbox_session.ts";

/** What a test can have a session do. */
export interface Script {
  /** What the reads give, one after the other; then nothing. */
  readonly batches: OutboxRow[][];
  /** Called before a settle takes effect; may throw or wait. */
  onSettle?: (outcomes: readonly OutboxOutcome[]) => void | Promise<void>;
  /** Called before a read gives its batch; may throw or wait. */
  onRead?: () => void | Promise<void>;
}

/** Gives the batches of a script, whatever session reads them. */
export class ScriptedSource implements OutboxSource {
  readonly script: Script;
  /** Each outcome as text, such as "a1 published"; one list for each settle. */
  readonly settled: string[][] = [];
  readonly outcomes: OutboxOutcome[] = [];
  readonly opened: OutboxSessionOptions[] = [];
  /** What happened, in order. */
  readonly journal: string[] = [];
  openSessions = 0;
  onWake: (() => void) | undefined;

  constructor(...batches: OutboxRow[][]) {
    this.script = { batches };
  }

  open(options: OutboxSessionOptions): OutboxSession {
    this.opened.push(options);
    this.openSessions++;
    let isOpen = true;
    return {
      read: async () => {
        this.journal.push("read");
        await this.script.onRead?.();
        return this.script.batches.shift() ?? [];
      },
      settle: async (outcomes) => {
        this.journal.push("settle");
        await this.script.onSettle?.(outcomes);
        this.outcomes.push(...outcomes);
        this.settled.push(outcomes.map(({ row, outcome }) => `${row.position} ${outcome}`));
      },
      keep: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => {
        if (isOpen) this.openSessions--;
        isOpen = false;
        return Promise.resolve();
      },
    };
  }

  subscribe(onWake: () => void): Promise<AsyncDisposable> {
    this.onWake = onWake;
    return Promise.resolve({
      [Symbol.asyncDispose]: () => Promise.resolve(void (this.onWake = undefined)),
    });
  }
}
