import {
  type ListedSaga,
  maxCountOf,
  type NewSaga,
  purgeAgeMsOf,
  purgeLimitOf,
  type PurgeOptions,
  type SagaChange,
  sagaClaimNumbersOf,
  type SagaClaimOptions,
  type SagaFilter,
  type SagaHold,
  type SagaLease,
  sagaLeaseMsOf,
  type SagaSignal,
  type SagaSnapshot,
  type SagaStatistics,
  type SagaStore,
} from "../mod.ts";
import type { PostgresQuery, PostgresRow } from "./client.ts";
import { Grouping } from "./grouping.ts";
import type { PostgresNames } from "./names.ts";
import {
  type GroupedCheckpoint,
  groupedCheckpointStatement,
  type GroupedCreate,
  groupedCreateStatement,
  sizeOfCheckpoint,
  sizeOfCreate,
} from "./saga_groups.ts";
import { listStatement } from "./saga_list.ts";
import { intervalText, keyText, msText } from "./saga_parameters.ts";
import { holdOf, logOf, recordOf, signalOf } from "./saga_rows.ts";
import { type SagaStatements, sagaStatements } from "./saga_statements.ts";
import { SagaWrites } from "./saga_writes.ts";
import { sqlStateOf } from "./sql_state.ts";
import { arrayLiteral, checkStorable, storable } from "./statement.ts";
import { freshQuery, tryingQuery } from "./storage_query.ts";
import type { WakeUps } from "./wake_ups.ts";

/**
 * So many groups are planned each time: a plan that was made for a table of a few rows would look
 * through all of it when it has many. Afterwards it has some, or will be analyzed before it has many.
 */
const FRESH_GROUPS = 500;

/** So many statements are under way for one saga each before others are written together. */
const MAX_ALONE = 2;

/** What a statement ends with that has taken longer than it may, or that somebody has ended. */
const CANCELED = "57014";

/** How a storage on Postgres writes sagas. */
export interface PostgresSagaOptions {
  /**
   * Whether one statement may write several sagas, so that they share its round trip and its commit:
   *
   * - `"when busy"`: what is to be written while two statements are under way for one saga each is
   *   written together by another one. If one of them is refused, or somebody has it locked for longer
   *   than 100 ms, each is written alone then, so that it fails or waits alone.
   * - `true`: all that is to be written while a statement is under way is written by the next one. That
   *   is best where round trips are short and the database has much to do.
   * - `false`: each has a statement of its own.
   *
   * @default {"when busy"}
   */
  readonly groupCheckpoints?: boolean | "when busy" | undefined;
}

/** What the sagas of a storage on Postgres work with. */
export interface PostgresSagasParts {
  /** Runs statements outside of transactions. */
  readonly query: PostgresQuery;
  readonly names: PostgresNames;
  readonly wakeUps: WakeUps;
  /** Where messages are put. */
  readonly appendTo: "table" | "log";
}

/** The sagas of a storage on Postgres. Each call is one statement. */
export class PostgresSagas implements SagaStore {
  readonly #parts: PostgresSagasParts;
  readonly #query: PostgresQuery;
  /** For statements that are seldom sent: their tables may have grown since. */
  readonly #freshQuery: PostgresQuery;
  readonly #statements: SagaStatements;
  readonly #writes: SagaWrites;
  #groups = 0;
  readonly #creates: Grouping<GroupedCreate, boolean> | undefined;
  readonly #checkpoints: Grouping<GroupedCheckpoint, SagaHold | undefined> | undefined;

  constructor(
    parts: PostgresSagasParts,
    { groupCheckpoints = "when busy" }: PostgresSagaOptions = {},
  ) {
    this.#parts = parts;
    this.#query = tryingQuery(parts.query);
    this.#freshQuery = freshQuery(this.#query);
    this.#statements = sagaStatements(parts.names);
    this.#writes = new SagaWrites(parts);
    if (groupCheckpoints === false) return;
    const maxAlone = groupCheckpoints === true ? 0 : MAX_ALONE;
    this.#creates = new Grouping({
      maxAlone,
      keyOf: ({ saga }) => storable(saga.id), // as it stands in the table
      sizeOf: sizeOfCreate,
      one: (item) => this.#create(item),
      many: (items) => this.#createAll(items),
      isUndone,
    });
    this.#checkpoints = new Grouping({
      maxAlone,
      keyOf: ({ id }) => storable(id),
      sizeOf: sizeOfCheckpoint,
      one: (item) => this.#checkpoint(item),
      many: (items) => this.#checkpointAll(items),
      isUndone,
    });
  }

  async create(saga: NewSaga, lease: SagaLease): Promise<boolean> {
    if (this.#creates === undefined) return await this.#create({ saga, lease });
    sagaLeaseMsOf(lease);
    for (const text of [saga.id, saga.name]) keyText(text);
    return await this.#creates.run({ saga, lease });
  }

  async load(id: string): Promise<SagaSnapshot | undefined> {
    const [row] = await this.#query(this.#statements.load, [storable(id)]);
    return row && snapshotOf(row);
  }

  async claim(id: string, lease: SagaLease): Promise<SagaSnapshot | undefined> {
    const leaseMs = sagaLeaseMsOf(lease);
    const parameters = [storable(id), storable(lease.owner), intervalText(leaseMs)];
    const [row] = await this.#query(this.#statements.claim, parameters);
    return row && await this.#claimed(row);
  }

  async claimDue(options: SagaClaimOptions): Promise<readonly SagaSnapshot[]> {
    const { leaseMs, limit, idleMs, backoffMs, maxBackoffMs } = sagaClaimNumbersOf(options);
    const rows = await this.#freshQuery(this.#statements.claimDue, [
      storable(options.owner),
      intervalText(leaseMs),
      arrayLiteral(options.names.map(storable)),
      String(limit),
      intervalText(idleMs),
      ...[backoffMs, maxBackoffMs].map(msText),
    ]);
    const snapshots = await Promise.all(rows.map((row) => this.#claimed(row)));
    return snapshots.filter((snapshot) => snapshot !== undefined);
  }

  async checkpoint(
    id: string,
    revision: number,
    change: SagaChange,
  ): Promise<SagaHold | undefined> {
    const { messages = [], consumed = [] } = change;
    const isLogged = this.#parts.appendTo === "log" && messages.length > 0;
    for (const message of messages) checkStorable(message);
    const item = { id, revision, change };
    const hold =
      await (this.#checkpoints === undefined || isLogged || consumed.length > 0
        ? this.#checkpoint(item)
        : this.#checkpoints.run(item));
    if (hold !== undefined && messages.length > 0) this.#parts.wakeUps.wake();
    return hold;
  }

  async keep(
    holds: ReadonlyArray<{ readonly id: string; readonly revision: number }>,
    leaseMs: number,
  ): Promise<ReadonlyArray<SagaHold | undefined>> {
    if (holds.length === 0) return [];
    const ids = holds.map(({ id }) => storable(id));
    const revisions = holds.map(({ revision }) => revision);
    const parameters = [
      arrayLiteral(ids),
      arrayLiteral(revisions),
      intervalText(leaseMs),
      intervalText(leaseMs / 2),
    ];
    const rows = await this.#freshQuery(this.#statements.keep, parameters);
    const kept = new Map(rows.map((row) => [String(row.id), holdOf(row)]));
    return holds.map(({ revision }, n) => {
      const hold = kept.get(ids[n] ?? "");
      return hold?.revision === revision ? hold : undefined;
    });
  }

  async signal(
    id: string,
    signal: Omit<SagaSignal, "at">,
  ): Promise<"stored" | "late" | undefined> {
    const [row] = await this.#query(this.#statements.signal, [
      storable(id),
      keyText(signal.id),
      keyText(signal.name),
      signal.data ?? null,
    ]);
    return row && (row.is_late === true ? "late" : "stored");
  }

  async signals(id: string): Promise<readonly SagaSignal[]> {
    return (await this.#query(this.#statements.signals, [storable(id)])).map(signalOf);
  }

  async list(filter: SagaFilter = {}): Promise<readonly ListedSaga[]> {
    const { text, parameters } = listStatement(this.#parts.names, filter);
    const rows = await this.#freshQuery(text, parameters);
    return rows.map((row) => ({ ...recordOf(row), position: String(row.position) }));
  }

  async statistics(options: { readonly maxCount?: number } = {}): Promise<SagaStatistics> {
    const maxCount = Math.min(maxCountOf(options), Number.MAX_SAFE_INTEGER);
    const [row] = await this.#freshQuery(this.#statements.statistics, [String(maxCount)]);
    const oldest = row?.oldest;
    return {
      running: Number(row?.running),
      waiting: Number(row?.waiting),
      compensating: Number(row?.compensating),
      failed: Number(row?.failed),
      parked: Number(row?.parked),
      oldestDueMs: typeof oldest === "string" ? Number(oldest) : undefined,
      lateSignals: Number(row?.late),
    };
  }

  async purge(options: PurgeOptions): Promise<number> {
    const ageMs = purgeAgeMsOf(options);
    const limit = purgeLimitOf(options);
    const parameters = [intervalText(ageMs), String(limit)];
    const [row] = await this.#freshQuery(this.#statements.purge, parameters);
    return Number(row?.count);
  }

  async #create({ saga, lease }: GroupedCreate): Promise<boolean> {
    const { text, parameters } = this.#writes.create(saga, lease);
    return (await this.#query(text, parameters)).length > 0;
  }

  async #createAll(items: readonly GroupedCreate[]): Promise<readonly boolean[]> {
    const { text, parameters } = groupedCreateStatement(this.#parts.names, items);
    const made = new Set((await this.#query(text, parameters)).map(({ k }) => Number(k)));
    return items.map((_, k) => made.has(k));
  }

  async #checkpoint(item: GroupedCheckpoint): Promise<SagaHold | undefined> {
    const { text, parameters } = this.#writes.checkpoint(item, item.change);
    const [row] = await this.#query(text, parameters);
    return row && { revision: item.revision + 1, signals: Number(row.signals) };
  }

  async #checkpointAll(
    items: readonly GroupedCheckpoint[],
  ): Promise<ReadonlyArray<SagaHold | undefined>> {
    const { text, parameters } = groupedCheckpointStatement(this.#parts.names, items);
    const query = this.#groups++ < FRESH_GROUPS ? this.#freshQuery : this.#query;
    const holds = new Map(
      (await query(text, parameters)).map((row) => [Number(row.k), holdOf(row)]),
    );
    return items.map((_, k) => holds.get(k));
  }

  /** Whoever had the saga may have written to its log while the claim waited for that. */
  async #claimed(row: PostgresRow): Promise<SagaSnapshot | undefined> {
    const snapshot = snapshotOf(row);
    if (row.is_torn !== true) return snapshot;
    const later = await this.load(snapshot.record.id);
    return later?.record.revision === snapshot.record.revision ? later : undefined;
  }
}

function snapshotOf(row: PostgresRow): SagaSnapshot {
  return { record: recordOf(row), log: logOf(row) };
}

/** Whether the database has refused a statement; if a connection is lost, nobody knows what was done. */
function isUndone(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === CANCELED || (state !== undefined && !/^(?:08|57)/.test(state));
}
