import {
  LeaseLostError,
  leaseMsOf,
  maxRowsOf,
  type OutboxOutcome,
  type OutboxRow,
  type OutboxSessionOptions,
} from "../mod.ts";
import type { PostgresQuery } from "./client.ts";
import { Holdings } from "./holdings.ts";
import { type FlightRow, InFlight } from "./in_flight.ts";
import type { PostgresLogSession } from "./log_access.ts";
import { LowWater } from "./low_water.ts";
import { SessionQuery } from "./session_query.ts";
import { SessionReader } from "./session_reader.ts";
import type { SessionStatements } from "./session_statements.ts";
import type { SettleStatements } from "./settle_statements.ts";
import { Settler } from "./settler.ts";
import type { WakeUps } from "./wake_ups.ts";

/** What a session on Postgres works with. */
export interface PostgresSessionParts {
  readonly query: PostgresQuery;
  readonly statements: SessionStatements & SettleStatements;
  readonly wakeUps: WakeUps;
}

/** The most that statements say to be left: what fits into an integer. */
const MAX_LEFT_MS = 2e9;

/** A session of a relay on Postgres. */
export class PostgresSession implements PostgresLogSession {
  readonly #leaseMs: number;
  readonly #holdings: Holdings;
  readonly #inFlight: InFlight = new InFlight();
  readonly #reader: SessionReader;
  readonly #settler: Settler;
  readonly #end: AbortController = new AbortController();
  #reading: Promise<unknown> = Promise.resolve();
  #leaving: Promise<void> | undefined;
  /** Whether something else hangs on its name. */
  #isBound = false;

  /** @throws {RangeError} If `leaseMs` is out of its range. */
  constructor(parts: PostgresSessionParts, options: OutboxSessionOptions) {
    const { topics } = options;
    const leaseMs = this.#leaseMs = leaseMsOf(options);
    const query = new SessionQuery(parts.query);
    const holdings = this.#holdings = new Holdings({
      ...parts,
      query: query.fresh,
      topics,
      leaseMs,
    });
    const shared = {
      ...parts,
      query,
      holdings,
      inFlight: this.#inFlight,
      lowWater: new LowWater(),
    };
    const settler = this.#settler = new Settler(shared);
    this.#reader = new SessionReader({
      ...shared,
      topics,
      leaseMs,
      settler,
      onLease: (leftMs) => this.#seeLease(leftMs),
      isBound: () => this.#isBound,
    });
  }

  get seen(): string | undefined {
    return this.#reader.seen;
  }

  get isPassing(): boolean {
    return this.#reader.isPassing;
  }

  register(): Promise<string> {
    this.#checkOpen();
    this.#isBound = true;
    return this.#holdings.register();
  }

  async read(maxRows: number): Promise<readonly OutboxRow[]> {
    this.#checkOpen();
    const reading = this.#reader.read(maxRowsOf(maxRows), this.#end.signal);
    this.#reading = reading.catch(() => {});
    const rows = await reading;
    this.#checkOpen();
    return rows;
  }

  async settle(outcomes: readonly OutboxOutcome[]): Promise<void> {
    this.#checkOpen();
    if (outcomes.length === 0) return;
    const flights = outcomes.map((outcome) => this.#flightOf(outcome));
    const result = await this.#settler.settle(flights, outcomes);
    if (result === undefined) throw this.#lose();
    this.#reader.confirm(result.relays);
    await this.#holdings.releaseIdle();
    await this.#keepInTime(result.leftMs);
  }

  async keep(): Promise<void> {
    this.#checkOpen();
    if (!await this.#holdings.keep()) await this.#seeLease(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#reading;
    // It may have ended already, or be held by nobody: that does no harm.
    await (this.#leaving ??= this.#holdings.leave());
  }

  #flightOf({ row }: OutboxOutcome): FlightRow {
    const flight = this.#inFlight.get(row.position);
    if (flight !== undefined) return flight;
    throw new TypeError(
      `Cannot settle "${row.envelope.id}" as this session does not have it`,
    );
  }

  #checkOpen(): void {
    if (this.#end.signal.aborted) throw new LeaseLostError();
  }

  #lose(): LeaseLostError {
    this.#end.abort();
    return new LeaseLostError();
  }

  /** Without rows in flight, and with nothing else that hangs on it, nothing was lost that could not be taken again. */
  async #seeLease(leftMs: number): Promise<void> {
    if (leftMs >= 0) return await this.#keepInTime(leftMs);
    if (this.#inFlight.size > 0 || this.#isBound) throw this.#lose();
    this.#holdings.forget();
    this.#inFlight.clear();
    this.#reader.reset();
  }

  /** Whatever a session does is a sign that it lives; it is written down when half of the lease is over. */
  async #keepInTime(leftMs: number): Promise<void> {
    if (leftMs < Math.min(this.#leaseMs, MAX_LEFT_MS) / 2) await this.#holdings.keep();
  }
}
