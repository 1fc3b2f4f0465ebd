import type { Clock } from "../../clock.ts";
import type { PostgresTransactionScope } from "./client.ts";
import { isLoss, Loss, type Pause } from "./postgres_js_loss.ts";
import { type PostgresJsQueryable, type PostgresJsSql, rowsOf, start } from "./postgres_js_sql.ts";
import { openScope, transactionEnded } from "./transaction_scope.ts";

/** What {@linkcode begin} has to know. */
export interface BeginOptions {
  /** Is called when the transaction has begun. */
  readonly onBegin: () => void;
  readonly pause: Pause;
  readonly clock: Clock;
}

/** How many turns of promises the driver takes, at most, to tell that it has. */
const TURNS = 10;

/**
 * Runs `run` in a transaction, after calling `onBegin`.
 *
 * When a connection is lost, the driver rejects at once, with `run` still under way, and gives that
 * connection to others as soon as it is made anew. What it sends for the transaction from then on, and
 * be it the rollback, ends up in the wrong place or blocks the connection for a long time. So it never
 * learns how `run` has ended then.
 */
export async function begin<R>(
  sql: PostgresJsSql,
  run: (scope: PostgresTransactionScope<PostgresJsQueryable>) => Promise<R>,
  { onBegin, pause, clock }: BeginOptions,
): Promise<R> {
  const loss = new Loss();
  let working: Promise<Outcome<R>> | undefined;
  const failure = await sql.begin(async (transaction: PostgresJsQueryable) => {
    onBegin();
    working = outcomeOf(sql, transaction, run, { loss, pause });
    const outcome = await working;
    const error = "error" in outcome ? outcome.error : undefined;
    if (loss.isSuspected || isLoss(error)) await loss.noticed(clock);
    for (let turn = 0; turn < TURNS; turn++) await undefined;
    if (loss.isNoticed) await new Promise(() => {});
    if ("error" in outcome) throw error;
  }).then(() => undefined, (error) => {
    loss.notice();
    return { error };
  });
  const outcome = await working;
  if (outcome !== undefined && "error" in outcome) throw outcome.error;
  if (outcome === undefined || failure !== undefined) throw failure?.error;
  return outcome.value;
}

/** How `run` has ended. */
type Outcome<R> = { readonly value: R } | { readonly error: unknown };

async function outcomeOf<R>(
  sql: PostgresJsSql,
  transaction: PostgresJsQueryable,
  run: (scope: PostgresTransactionScope<PostgresJsQueryable>) => Promise<R>,
  { loss, pause }: { readonly loss: Loss; readonly pause: Pause },
): Promise<Outcome<R>> {
  const client = guarded(transaction, loss);
  const { scope, end } = openScope(client, async (text, parameters) => {
    try {
      return rowsOf(await start(client, text, parameters), sql.options);
    } catch (error) {
      loss.isSuspected ||= isLoss(error);
      pause.note(error);
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
}

/** The driver's handle, which refuses to be used once its connection is lost. */
function guarded(transaction: PostgresJsQueryable, loss: Loss): PostgresJsQueryable {
  const check = () => {
    if (loss.isSuspected || loss.isNoticed) throw transactionEnded();
  };
  return new Proxy(transaction, {
    apply(target, self, parameters) {
      check();
      return Reflect.apply(target as Tag, self, parameters);
    },
    get(target, name) {
      check();
      return Reflect.get(target, name);
    },
  });
}

/** The handle is a tag of templates as well. */
type Tag = PostgresJsQueryable & ((...parameters: readonly unknown[]) => unknown);
