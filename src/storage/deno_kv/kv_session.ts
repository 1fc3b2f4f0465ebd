import {
  LeaseLostError,
  maxRowsOf,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSession,
  type OutboxSessionOptions,
} from "../mod.ts";
import { Fence } from "./fence.ts";
import { Flights } from "./flights.ts";
import type { KvDatabase } from "./kv_database.ts";
import { keyText } from "./keys.ts";
import { FIRST_VERSION } from "./place.ts";
import type { RelayWatch } from "./relay_watch.ts";
import { takeRows } from "./row_taker.ts";
import { SessionHoldings } from "./session_holdings.ts";
import { type SessionState, writeUnits } from "./session_state.ts";
import { type Settled, unitsFor } from "./settlement.ts";
import { Turns } from "./turns.ts";

/** How a session of a storage on Deno KV works. */
export interface KvSessionOptions extends OutboxSessionOptions {
  /** Whether messages are kept after they have been published. */
  readonly keepPublished: boolean;
}

/** A session of a relay on a storage on Deno KV. */
export class KvSession implements OutboxSession {
  readonly #database: KvDatabase;
  readonly #watch: RelayWatch;
  readonly #options: KvSessionOptions;
  #opening: Promise<OpenSession> | undefined;
  #open: OpenSession | undefined;
  /** When it gave a sign of life last. */
  #aliveMs = -Infinity;
  #isOver = false;

  constructor(database: KvDatabase, watch: RelayWatch, options: KvSessionOptions) {
    this.#database = database;
    this.#watch = watch;
    this.#options = options;
  }

  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    maxRowsOf(maxRows);
    return await this.#call((session) => session.read(maxRows));
  }

  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    await this.#call((session) => session.settle(outcomes));
  }

  async keep(): Promise<void> {
    await this.#call((session) => session.keep());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      await this.#open?.end();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
    }
  }

  /** Does something unless the session is over, and notices when it is. */
  async #call<T>(act: (session: OpenSession) => Promise<T>): Promise<T> {
    this.#goOn();
    const session = await (this.#opening ??= this.#begin());
    try {
      const result = await act(session);
      if (!this.#isOver) return result;
      await session.end(); // it was disposed of meanwhile
    } catch (error) {
      if (!(error instanceof LeaseLostError) && !this.#isOver) throw error;
      this.#lose();
    }
    throw new LeaseLostError();
  }

  /** Gives it another `leaseMs`, unless it has lost what it held. */
  #goOn(): void {
    const nowMs = this.#database.clock.now();
    if (nowMs > this.#aliveMs + this.#options.leaseMs && this.#open?.isHolding) this.#lose();
    if (this.#isOver) throw new LeaseLostError();
    this.#aliveMs = nowMs;
  }

  #lose(): void {
    this.#isOver = true;
    this.#open?.lose();
  }

  async #begin(): Promise<OpenSession> {
    const { topics, leaseMs, keepPublished } = this.#options;
    const names = topics === undefined
      ? null
      : await Promise.all([...new Set(topics)].map(keyText));
    const record = { topics: names, leaseMs };
    const newFence = () => new Fence(this.#database, crypto.randomUUID(), record);
    const state: SessionState = {
      database: this.#database,
      flights: new Flights(),
      held: new Map(),
      turns: new Turns(),
      fence: newFence(),
      newFence,
      version: FIRST_VERSION,
    };
    const holdings = new SessionHoldings(state, this.#watch, names);
    return this.#open = new OpenSession(state, holdings, keepPublished);
  }
}

/** A session that has begun. */
class OpenSession {
  readonly #state: SessionState;
  readonly #holdings: SessionHoldings;
  readonly #keepPublished: boolean;
  /** Whether there was nothing more to give when it read last. */
  #isDrained = false;
  /** How many reads there were, so that each begins with another partition. */
  #reads = 0;

  constructor(state: SessionState, holdings: SessionHoldings, keepPublished: boolean) {
    this.#state = state;
    this.#holdings = holdings;
    this.#keepPublished = keepPublished;
  }

  get isHolding(): boolean {
    return this.#state.held.size > 0;
  }

  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    const { flights } = this.#state;
    flights.beginReading();
    try {
      const rows: OutboxRow[] = [];
      await this.keep();
      if (await this.#holdings.canGoOn()) await this.#take(rows, maxRows);
      if (rows.length < maxRows) {
        await this.#holdings.share();
        await this.#take(rows, maxRows);
      }
      this.#isDrained = rows.length < maxRows;
      return rows;
    } finally {
      flights.endReading();
      await this.#endIfIdle();
    }
  }

  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    await this.#state.turns.take(() => this.#settle(outcomes));
  }

  async keep(): Promise<void> {
    const { turns } = this.#state;
    await turns.take(async () => {
      const { fence, held } = this.#state;
      if (held.size > 0 && fence.isDue) await fence.commit(() => {});
    });
  }

  /** Lets go of everything. */
  async end(): Promise<void> {
    const { turns } = this.#state;
    await turns.take(async () => {
      const { fence } = this.#state;
      this.lose();
      if (fence.isRegistered) await fence.commit(() => {}, { ends: true });
    });
  }

  /** Forgets everything. */
  lose(): void {
    const state = this.#state;
    state.held.clear();
    state.flights.clear();
    state.fence = state.newFence();
  }

  /** Takes rows of what it holds, beginning with another partition each time. */
  async #take(rows: OutboxRow[], maxRows: number): Promise<void> {
    const all = [...this.#state.held.values()].filter(({ isLeft }) => !isLeft);
    const first = all.length === 0 ? 0 : this.#reads++ % all.length;
    for (const held of [...all.slice(first), ...all.slice(0, first)]) {
      if (rows.length >= maxRows) return;
      for (const row of await takeRows(this.#state, held, maxRows - rows.length)) rows.push(row);
    }
  }

  async #settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    const state = this.#state;
    const { flights, held, fence } = state;
    const settled = outcomes.map((outcome) => this.#find(outcome));
    const units = await unitsFor(state, settled, this.#keepPublished);
    const ends = this.#isIdle(settled.length);
    if (ends) {
      state.fence = state.newFence();
      held.clear();
    }
    await writeUnits(fence, units.units(), { ends });
    units.apply();
    for (const { outcome, flight } of settled) {
      const { position } = outcome.row;
      const isBack = outcome.outcome === "held" || outcome.outcome === "returned";
      const isFree = isBack ? flights.giveBack(position) : flights.settle(position);
      // What was turned back is in front of what the reader has passed.
      if (isFree || (isBack && flight.bundle !== undefined)) flight.held.reader = undefined;
    }
  }

  #find(outcome: OutboxOutcome): Settled {
    const { position, envelope: { id } } = outcome.row;
    const flight = this.#state.flights.get(position);
    if (flight !== undefined) return { outcome, flight };
    throw new TypeError(`Cannot settle "${id}" as this session does not have it`);
  }

  async #endIfIdle(): Promise<void> {
    if (!this.#isIdle(0)) return;
    await this.#state.turns.take(async () => {
      const { fence } = this.#state;
      if (!this.#isIdle(0)) return;
      this.lose();
      await fence.commit(() => {}, { ends: true });
    });
  }

  /** Whether nothing is left for it when so many rows are settled, so that it need not hold anything. */
  #isIdle(settling: number): boolean {
    const { flights, fence } = this.#state;
    return this.#isDrained && !this.#holdings.isHungry && fence.isRegistered &&
      !flights.isReading && flights.size === settling;
  }
}
