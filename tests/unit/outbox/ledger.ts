import type { Envelope } from "../../../mod.ts";
import type { OutboxOptions, Storage } from "../../../src/storage/mod.ts";
import { memoryStorage, type MemoryTransaction } from "../../../src/storage/memory/mod.ts";
import { bodyOf } from "../mediator/support.ts";

/** A storage that tells what is done with it, and lets a test step into its transactions. */
export interface Ledger extends Storage<MemoryTransaction> {
  /** What was done: `begin 1`, `append 1 told`, `committing 1`, `commit 1`, `rollback 1`, `store told`. */
  readonly log: readonly string[];
  /** Called at points of each transaction; may wait, and may throw. */
  readonly at: {
    begin?: () => unknown;
    append?: () => unknown;
    /** When COMMIT is sent. */
    committing?: () => unknown;
    /** When it has taken effect. */
    committed?: () => unknown;
  };
  /** What is in the outbox: the type and data of each message. */
  outboxed(): Promise<readonly string[]>;
  /** The value that is committed under a key. */
  valueOf(key: string): Promise<unknown>;
}

/** Creates a ledger; `name` goes before what it logs. */
export function ledger(log: string[] = [], name = "", options: OutboxOptions = {}): Ledger {
  const memory = memoryStorage(options);
  const numbers = new WeakMap<MemoryTransaction, number>();
  const at: Ledger["at"] = {};
  let last = 0;

  async function transaction<R>(run: (tx: MemoryTransaction) => R | Promise<R>): Promise<R> {
    const number = ++last;
    await at.begin?.();
    log.push(`${name}begin ${number}`);
    let result: R;
    try {
      result = await memory.transaction(async (tx) => {
        numbers.set(tx, number);
        const result = await run(tx);
        log.push(`${name}committing ${number}`);
        await at.committing?.();
        return result;
      });
    } catch (error) {
      log.push(`${name}rollback ${number}`);
      throw error;
    }
    log.push(`${name}commit ${number}`);
    await at.committed?.();
    return result;
  }

  const outbox: Ledger["outbox"] = {
    deadLetters: memory.outbox.deadLetters,
    async append(tx, messages) {
      log.push(`${name}append ${numbers.get(tx)} ${messages.map(({ type }) => type).join(" ")}`);
      await at.append?.();
      await memory.outbox.append(tx, messages);
    },
    async store(messages) {
      log.push(`${name}store ${messages.map(({ type }) => type).join(" ")}`);
      await at.append?.();
      await memory.outbox.store(messages);
    },
    wake: () => memory.outbox.wake(),
    subscribe: (onWake) => memory.outbox.subscribe(onWake),
    open: (options) => memory.outbox.open(options),
    statistics: (options) => memory.outbox.statistics(options),
    purge: (options) => memory.outbox.purge(options),
  };

  return {
    log,
    at,
    outbox,
    inbox: memory.inbox,
    sagas: memory.sagas,
    replay: memory.replay,
    transaction,
    migrate: () => memory.migrate(),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
    async outboxed() {
      const session = memory.outbox.open({ leaseMs: 60_000 });
      const rows = await session.read(1_000);
      await session[Symbol.asyncDispose]();
      return rows.map(({ envelope }) => textOf(envelope));
    },
    valueOf: (key) => memory.transaction(({ client }) => client.get(key)),
  };
}

/** The type and data of a message. */
export function textOf(envelope: Envelope): string {
  return `${envelope.type} ${JSON.stringify(bodyOf(envelope))}`;
}
