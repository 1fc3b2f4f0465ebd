import { laneOf, type OutboxOutcome, type OutboxRow } from "../mod.ts";
import type { Holding, Holdings } from "./holdings.ts";
import type { FlightRow, InFlight } from "./in_flight.ts";
import { type LowWater, rewind } from "./low_water.ts";
import { type BrokenRow, laneIn, type Place } from "./pass.ts";
import type { SessionQuery } from "./session_query.ts";
import type { SettledRow, SettleStatements } from "./settle_statements.ts";
import { arrayLiteral, storable } from "./statement.ts";

/** What a settled session is known to be. */
export interface SettleResult {
  /** How long it has left, in milliseconds. */
  readonly leftMs: number;
  /** Changes with the sessions that there are. */
  readonly relays: unknown;
}

/** What {@linkcode Settler} works on. */
export interface SettlerOptions {
  readonly query: SessionQuery;
  readonly statements: SettleStatements;
  readonly holdings: Holdings;
  readonly inFlight: InFlight;
  readonly lowWater: LowWater;
}

/** The longest delay that leaves the database a time that it knows: about 30 years. */
const MAX_DELAY_MS = 1e12;

/** Writes down what became of the rows of a session. */
export class Settler {
  readonly #query: SessionQuery;
  readonly #statements: SettleStatements;
  readonly #holdings: Holdings;
  readonly #inFlight: InFlight;
  readonly #lowWater: LowWater;

  constructor({ query, statements, holdings, inFlight, lowWater }: SettlerOptions) {
    this.#query = query;
    this.#statements = statements;
    this.#holdings = holdings;
    this.#inFlight = inFlight;
    this.#lowWater = lowWater;
  }

  /** Nothing was written if it resolves to `undefined`, as all was lost. */
  async settle(
    flights: readonly FlightRow[],
    outcomes: readonly OutboxOutcome[],
  ): Promise<SettleResult | undefined> {
    const isSimple = outcomes.every(({ outcome }, n) =>
      outcome === "published" && flights[n]?.isWaiting === false
    );
    const { cut } = this.#lowWater;
    const [result] = await (isSimple ? this.#delete(flights) : this.#write(flights, outcomes));
    if (result === undefined) return undefined;
    this.#query.learn(result);
    this.#lowWater.bind(cut, String(result.xid));
    for (const flight of flights) this.#inFlight.remove(flight);
    if (!isSimple) await this.#afterwards(flights, outcomes);
    return { leftMs: Number(result.state), relays: result.id };
  }

  #write(flights: readonly FlightRow[], outcomes: readonly OutboxOutcome[]) {
    this.#inFlight.turnBack(turnedBack(flights, outcomes));
    const rows = flights.flatMap((flight, n) => rowOf(flight, outcomes[n]) ?? []);
    return this.#run(this.#statements.settle, rows);
  }

  async #afterwards(
    flights: readonly FlightRow[],
    outcomes: readonly OutboxOutcome[],
  ): Promise<void> {
    for (const [n, { holding, isWaiting }] of flights.entries()) {
      if (outcomes[n]?.outcome === "returned" && !isWaiting) rewind(holding);
    }
    this.#inFlight.settled(turnedBack(flights, outcomes));
    const left = flights.filter((flight, n) => leavesLane(flight, outcomes[n]));
    await this.sweep(left.map(({ holding, row }) => ({ holding, lane: laneOfRow(row) })));
  }

  /** Makes dead letters of rows that nobody can make sense of. */
  async bury(broken: readonly BrokenRow[]): Promise<void> {
    if (broken.length === 0) return;
    const rows = broken.map((place): SettledRow => ({
      ...placeOf(place),
      o: "d",
      e: storable(describe(place.error)),
      k: place.lane.startsWith("="),
      a: place.attempts,
    }));
    await this.#run(this.#statements.settle, rows);
    this.#inFlight.settled(broken.map(({ name }) => name));
    await this.sweep(broken);
  }

  /**
   * Moves rows of the queue to where the others of their blocked lanes are; whether some can be read
   * at once, as their lanes are not blocked any more, or not for them.
   */
  async park(blocked: readonly Place[]): Promise<boolean> {
    if (blocked.length === 0) return false;
    const rows = blocked.map((place): SettledRow => ({ ...placeOf(place), o: "h" }));
    const [result] = await this.#run(this.#statements.park, rows);
    const isAll = Number(result?.count) === rows.length;
    if (!isAll) { for (const { holding } of blocked) rewind(holding); }
    return !isAll || Number(result?.woken) > 0;
  }

  /** Ends blocked lanes in which nothing waits any more. */
  async sweep(lanes: ReadonlyArray<Pick<Place, "holding" | "lane">>): Promise<void> {
    const unique = new Map(lanes.map(({ holding: { topic }, lane }) => [
      laneOf({ topic, key: lane, id: "" }),
      { topic, lane },
    ]));
    if (unique.size === 0) return;
    const all = [...unique.values()];
    await this.#query.fresh(this.#statements.sweep, [
      arrayLiteral(all.map(({ topic }) => topic)),
      arrayLiteral(all.map(({ lane }) => lane)),
    ]);
  }

  #delete(flights: readonly FlightRow[]) {
    const positions = new Map<Holding, string[]>();
    for (const { holding, row } of flights) {
      const some = positions.get(holding);
      if (some === undefined) positions.set(holding, [row.position]);
      else some.push(row.position);
    }
    const holdings = [...positions.keys()];
    return this.#query.hot(this.#statements.published, [
      this.#holdings.owner ?? null,
      arrayLiteral(holdings.map(({ topic }) => topic)),
      arrayLiteral(holdings.map(({ partition }) => partition)),
      arrayLiteral([...positions.values()].map((some) => `{${some}}`)),
    ]);
  }

  #run(text: string, rows: readonly SettledRow[]) {
    return this.#query.fresh(text, [this.#holdings.owner ?? null, JSON.stringify(rows)]);
  }
}

/** The lanes of which nothing may be given until they are read again, or somebody acts. */
function turnedBack(
  flights: readonly FlightRow[],
  outcomes: readonly OutboxOutcome[],
): readonly string[] {
  return flights.filter(({ row }, n) => {
    const outcome = outcomes[n];
    if (outcome === undefined || outcome.outcome === "published") return false;
    return outcome.outcome !== "dead" || parks(row, outcome);
  }).map(({ row }) => row.lane);
}

/** Whether the lane of a row may have nothing to read after that. */
function leavesLane({ row, isWaiting }: FlightRow, outcome: OutboxOutcome | undefined): boolean {
  if (outcome?.outcome === "published") return isWaiting;
  return outcome?.outcome === "held" ||
    outcome?.outcome === "dead" && (isWaiting || parks(row, outcome));
}

/** Whether a dead letter stops what stands behind it: without a key, nothing does. */
function parks({ envelope }: OutboxRow, { continues }: { readonly continues: boolean }): boolean {
  return envelope.key !== undefined && !continues;
}

function laneOfRow({ envelope, position }: OutboxRow): string {
  return laneIn(envelope, position);
}

/** What is to be written about a row; nothing if it stays where it is. */
function rowOf(
  { row, holding, isWaiting }: FlightRow,
  outcome: OutboxOutcome | undefined,
): SettledRow | undefined {
  const { position } = row;
  const place = placeOf({ holding, position, lane: laneOfRow(row), isWaiting });
  switch (outcome?.outcome) {
    case "published":
      return { ...place, o: "p" };
    case "failed":
      return {
        ...place,
        o: "f",
        e: storable(outcome.error),
        m: Math.min(Math.max(0, outcome.retryAfterMs), MAX_DELAY_MS),
      };
    case "dead": {
      const { error } = outcome;
      return { ...place, o: "d", e: storable(error), k: parks(row, outcome), a: row.attempts + 1 };
    }
    case "held":
      return { ...place, o: "h" };
    default:
      return undefined;
  }
}

function placeOf({ holding, position, lane, isWaiting }: Place) {
  return { t: holding.topic, p: holding.partition, n: position, l: lane, w: isWaiting };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
