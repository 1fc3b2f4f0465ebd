import type { PostgresTransactionScope } from "./client.ts";
import { type PostgresJsQueryable, type PostgresJsSql, rowsOf, start } from "./postgres_js_sql.ts";
import { openScope, transactionEnded } from "./transaction_scope.ts";

/** How many turns of promises the driver needs, at most, between noticing a loss and telling it. */
const TURNS = 10;

/**
 * Runs `run` in a transaction, after calling `onBegin`.
 *
 * When a connection is lost, the driver rejects at once, with `run` still under way, and gives that
 * connection to others as soon as it is made anew. What it sends for the transaction from then on, and
 * be it the rollback, ends up in the wrong place or blocks the connection for good. So it never learns
 * how `run` has ended then.
 */
export async function begin<R>(
  sql: PostgresJsSql,
  run: (scope: PostgresTransactionScope<PostgresJsQueryable>) => Promise<R>,
  onBegin: () => void,
): Promise<R> {
  let isLost = false;
  let working: Promise<Outcome<R>> | undefined;
  const work = async (transaction: PostgresJsQueryable): Promise<Outcome<R>> => {
    const client = guarded(transaction, () => isLost);
    const { scope, end } = openScope(client, async (text, parameters) => {
      try {
        return rowsOf(await start(client, text, parameters), sql.options);
      } catch (error) {
        isLost ||= isLoss(error);
        throw error;
      }
    });
    try {
      return { value: await run(scope) };
    } catch (error) {
      return { error };
    } finally {
      end();
    }
  };
  const failure = await sql.begin(async (transaction: PostgresJsQueryable) => {
    onBegin();
    working = work(transaction);
    const outcome = await working;
    for (let turn = 0; turn < TURNS; turn++) await undefined;
    if (isLost) await new Promise(() => {});
    if ("error" in outcome) throw outcome.error;
  }).then(() => undefined, (error) => {
    isLost = true;
    return { error };
  });
  const outcome = await working;
  if (outcome !== undefined && "error" in outcome) throw outcome.error;
  if (outcome === undefined || failure !== undefined) throw failure?.error;
  return outcome.value;
}

/** How `run` has ended. */
type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/** The codes that the driver itself gives to such errors. */
function isLoss(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("CONNECTION_");
}

/** The driver's handle, which refuses to be used once its connection is lost. */
function guarded(
  transaction: PostgresJsQueryable,
  isLost: () => boolean,
): PostgresJsQueryable {
  return new Proxy(transaction, {
    apply(target, self, parameters) {
      if (isLost()) throw transactionEnded();
      return Reflect.apply(target as Tag, self, parameters);
    },
    get(target, name) {
      if (isLost()) throw transactionEnded();
      return Reflect.get(target, name);
    },
  });
}

/** The handle is a tag of templates as well. */
type Tag = PostgresJsQueryable & ((...parameters: readonly unknown[]) => unknown);
