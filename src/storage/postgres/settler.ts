import { laneOf, type OutboxOutcome } from "../mod.ts";
import type { PostgresQuery } from "./client.ts";
import type { Holding, Holdings } from "./holdings.ts";
import type { FlightRow, InFlight } from "./in_flight.ts";
import { type LowWater, rewind } from "./low_water.ts";
import type { Found, Place } from "./pass.ts";
import type { SettledRow, SettleStatements } from "./settle_statements.ts";
import { arrayLiteral, storable } from "./statement.ts";

/** A row and what has become of it. */
export interface Settled {
  readonly flight: FlightRow;
  readonly outcome: OutboxOutcome;
}

/** What {@linkcode Settler} works on. */
export interface SettlerOptions {
  readonly query: PostgresQuery;
  readonly statements: SettleStatements;
  readonly holdings: Holdings;
  readonly inFlight: InFlight;
  readonly lowWater: LowWater;
}

/** The longest delay that leaves the database a time that it knows: about 30 years. */
const MAX_DELAY_MS = 1e12;

/** Writes down what became of the rows of a session. */
export class Settler {
  readonly #query: PostgresQuery;
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

  /** How long the session has left after that, in milliseconds; `undefined` if nothing was written as it was lost. */
  async settle(all: readonly Settled[]): Promise<number | undefined> {
    const inFlight = this.#inFlight;
    const back = all.filter(turnsBack).map(({ flight }) => flight.row.lane);
    inFlight.turnBack(back);
    const { cut } = this.#lowWater;
    const isSimple = all.every(({ flight, outcome }) =>
      outcome.outcome === "published" && !flight.isWaiting
    );
    const [result] = await (isSimple ? this.#delete(all) : this.#write(rowsOf(all)));
    if (result === undefined) return undefined;
    this.#lowWater.bind(cut, String(result.xid));
    for (const { flight, outcome } of all) {
      inFlight.remove(flight);
      if (outcome.outcome === "returned" && !flight.isWaiting) rewind(flight.holding);
    }
    inFlight.settled(back);
    await this.sweep(all.filter(leavesLane).map(({ flight }) => flight));
    return Number(result.state);
  }

  /** Makes dead letters of rows that nobody can make sense of. */
  async bury(broken: Found["broken"]): Promise<void> {
    if (broken.length === 0) return;
    await this.#write(broken.map((place): SettledRow => ({
      ...placeOf(place),
      o: "d",
      e: storable(describe(place.error)),
      k: hasKey(place.lane),
      a: place.attempts,
    })));
    await this.sweep(broken);
  }

  /**
   * Moves rows of the queue to where the others of their blocked lanes are; whether some can be read
   * at once, as their lanes are not blocked any more, or not for them.
   */
  async park(blocked: readonly Place[]): Promise<boolean> {
    if (blocked.length === 0) return false;
    const rows = blocked.map((place): SettledRow => ({ ...placeOf(place), o: "h" }));
    const [result] = await this.#run(this.#statements.park, JSON.stringify(rows));
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
    await this.#query(this.#statements.sweep, [
      arrayLiteral(all.map(({ topic }) => topic)),
      arrayLiteral(all.map(({ lane }) => lane)),
    ]);
  }

  #delete(all: readonly Settled[]) {
    const positions = new Map<Holding, string[]>();
    for (const { flight: { holding, row } } of all) {
      const some = positions.get(holding);
      if (some === undefined) positions.set(holding, [row.position]);
      else some.push(row.position);
    }
    const holdings = [...positions.keys()];
    return this.#run(
      this.#statements.published,
      arrayLiteral(holdings.map(({ topic }) => topic)),
      arrayLiteral(holdings.map(({ partition }) => partition)),
      arrayLiteral([...positions.values()].map((some) => `{${some}}`)),
    );
  }

  #write(rows: readonly SettledRow[]) {
    return this.#run(this.#statements.settle, JSON.stringify(rows));
  }

  #run(text: string, ...parameters: readonly string[]) {
    return this.#query(text, [this.#holdings.owner ?? null, ...parameters]);
  }
}

/** Whether nothing of its lane may be given until it is read again, or somebody acts. */
function turnsBack({ flight, outcome }: Settled): boolean {
  if (outcome.outcome === "published") return false;
  return outcome.outcome !== "dead" || parks(flight, outcome);
}

/** Whether its lane may have nothing to read after that. */
function leavesLane({ flight, outcome }: Settled): boolean {
  if (outcome.outcome === "held") return true;
  if (outcome.outcome === "published") return flight.isWaiting;
  return outcome.outcome === "dead" && (flight.isWaiting || parks(flight, outcome));
}

function parks({ lane }: FlightRow, { continues }: { readonly continues: boolean }): boolean {
  return hasKey(lane) && !continues;
}

function hasKey(lane: string): boolean {
  return lane.startsWith("=");
}

function rowsOf(all: readonly Settled[]): SettledRow[] {
  return all.flatMap(({ flight, outcome }) => {
    const row = rowOf(flight, outcome);
    return row === undefined ? [] : [row];
  });
}

function rowOf(flight: FlightRow, outcome: OutboxOutcome): SettledRow | undefined {
  const { row } = flight;
  const place = placeOf({ ...flight, position: row.position });
  switch (outcome.outcome) {
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
      const a = row.attempts + 1;
      return { ...place, o: "d", e: storable(error), k: parks(flight, outcome), a };
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
