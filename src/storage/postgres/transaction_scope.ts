import type { PostgresQuery, PostgresTransactionScope } from "./client.ts";

/** How a driver begins and ends a transaction on a connection that it has set aside. */
export interface TransactionSteps<C> extends PostgresTransactionScope<C> {
  begin(): Promise<unknown>;
  /** Resolves to whether it did: Postgres answers with a rollback if a statement has failed. */
  commit(): Promise<boolean>;
  rollback(): Promise<unknown>;
  /** Is called if it is not known what state the connection is in. */
  onBroken(): void;
}

/** Runs `run` in a transaction. */
export async function runTransaction<C, R>(
  steps: TransactionSteps<C>,
  run: (scope: PostgresTransactionScope<C>) => Promise<R>,
): Promise<R> {
  await steps.begin().catch((error) => {
    steps.onBroken();
    throw error;
  });
  const open = openScope(steps.client, steps.query);
  try {
    const result = await run(open.scope);
    open.end();
    if (await steps.commit()) return result;
  } catch (error) {
    open.end();
    await steps.rollback().catch(() => steps.onBroken());
    throw error;
  }
  throw open.aborted();
}

/** A scope, and what ends it. */
export interface OpenScope<C> {
  readonly scope: PostgresTransactionScope<C>;
  end(): void;
  /** The error of a transaction that was to be committed although one of its statements had failed. */
  aborted(): TypeError;
}

/** Makes a scope that refuses statements once it has ended: its connection may be somebody else's then. */
export function openScope<C>(client: C, query: PostgresQuery): OpenScope<C> {
  let isOpen = true;
  let cause: unknown;
  return {
    scope: {
      client,
      async query(text, parameters) {
        if (!isOpen) throw transactionEnded();
        try {
          return await query(text, parameters);
        } catch (error) {
          cause ??= error;
          throw error;
        }
      },
    },
    end() {
      isOpen = false;
    },
    aborted: () =>
      new TypeError("Cannot commit as a statement of the transaction has failed", { cause }),
  };
}

/** The error of a statement that comes too late. */
export function transactionEnded(): TypeError {
  return new TypeError("Cannot run a statement as its transaction has ended");
}
