import type { OutboxRow } from "../mod.ts";
import type { PostgresParameter, PostgresQuery, PostgresRow } from "./client.ts";
import type { Holdings, Survey } from "./holdings.ts";
import type { BusyLane, InFlight } from "./in_flight.ts";
import type { LowWater } from "./low_water.ts";
import { type Batch, laneIn, Pass } from "./pass.ts";
import type { SessionQuery } from "./session_query.ts";
import type { SessionStatements } from "./session_statements.ts";
import type { Settler } from "./settler.ts";
import { arrayLiteral } from "./statement.ts";
import type { WakeUps } from "./wake_ups.ts";

/** What {@linkcode SessionReader} works on. */
export interface SessionReaderOptions {
  readonly query: SessionQuery;
  readonly statements: SessionStatements;
  readonly topics: readonly string[] | undefined;
  readonly leaseMs: number;
  readonly holdings: Holdings;
  readonly inFlight: InFlight;
  readonly lowWater: LowWater;
  readonly settler: Settler;
  readonly wakeUps: WakeUps;
  /** Is told how long the session has left, -1 if it has lost what it held; throws if that was something. */
  readonly onLease: (leftMs: number) => Promise<void>;
  /** Whether something else may block lanes of what the session holds. */
  readonly isBound: () => boolean;
}

/** How many statements may read rows without a look at what else there is. */
const MAX_STATEMENTS = 64;
/** How long, in milliseconds. */
const MAX_SURVEY_AGE_MS = 1_000;
/** How often a survey is repeated because the lease ended meanwhile. */
const MAX_LAPSES = 3;
/** A text behind all topics: the last of all code points, which stands for no character. */
const LAST_TOPIC = "\u{10ffff}";

/** Reads the rows of a session, pass by pass. */
export class SessionReader {
  readonly #options: SessionReaderOptions;
  #pass: Pass | undefined;
  /** How many statements have read rows since the last survey. */
  #statements = 0;
  #surveyedAtMs = -Infinity;
  /** Which sessions there are, and which there were at the last survey. */
  #relays: unknown;
  #surveyedRelays: unknown;
  #wakes = 0;
  #gaveRows = false;
  /** Whether there were blocked lanes at the last survey. */
  #hasLanes = true;
  /** When something was settled: then the session lived. */
  #confirmedAtMs = -Infinity;
  /** Whether what was left out may be there at once. */
  #isAgain = false;
  #seen: string | undefined;

  constructor(options: SessionReaderOptions) {
    this.#options = options;
  }

  /** The snapshot of the last pass that went through all that the session can take. */
  get seen(): string | undefined {
    return this.#seen;
  }

  /** Whether it is in the middle of a pass. */
  get isPassing(): boolean {
    return this.#pass !== undefined;
  }

  /** No rows if a pass that began with this call has found none. */
  async read(maxRows: number, signal: AbortSignal): Promise<OutboxRow[]> {
    const rows: OutboxRow[] = [];
    for (let isSurveyed = false; !signal.aborted;) {
      // Without a row so far a pass goes on to its end: else it might never get beyond what it leaves out.
      if (rows.length === 0 && this.#gaveRows && this.#isSurveyDue) this.#endPass();
      if (this.#pass !== undefined) {
        rows.push(...await this.#next(this.#pass, maxRows - rows.length));
      } else {
        if (rows.length > 0 || isSurveyed && !this.#isAgain) break;
        const isQuick: boolean = !isSurveyed && this.#maySkipSurvey();
        isSurveyed ||= !isQuick;
        this.#isAgain = false;
        rows.push(...await (isQuick ? this.#first(maxRows) : this.#survey(maxRows)));
      }
      if (rows.length > maxRows / 2) break;
    }
    return rows.sort(byPosition);
  }

  /** Something was settled. */
  confirm(relays: unknown): void {
    this.#relays = relays;
    this.#confirmedAtMs = performance.now();
  }

  /** Forgets what it has read, as all was lost. */
  reset(): void {
    this.#pass = undefined;
    this.#surveyedAtMs = -Infinity;
  }

  get #isSurveyDue(): boolean {
    return this.#relays !== this.#surveyedRelays || this.#statements >= MAX_STATEMENTS ||
      performance.now() - this.#surveyedAtMs >= MAX_SURVEY_AGE_MS;
  }

  /** Whether rows of what is held can be expected: then they come first, as a survey takes its time. */
  #maySkipSurvey(): boolean {
    const { holdings, wakeUps } = this.#options;
    if (holdings.size === 0) return false;
    const isWoken = this.#wakes !== wakeUps.count;
    return isWoken && this.#statements === 0 || (isWoken || this.#gaveRows) && !this.#isSurveyDue;
  }

  /** Begins a pass with nothing but rows. */
  async #first(maxRows: number): Promise<OutboxRow[]> {
    const { statements, lowWater } = this.#options;
    const batch = this.#begin(maxRows);
    const [header, ...rows] = await this.#ask(statements.first, batch) ?? [];
    if (header === undefined) return [];
    const { pass } = batch;
    pass.snapshot = String(header.attributes);
    pass.isRipe = lowWater.isRipe(pass.snapshot);
    return await this.#accept(rows, batch);
  }

  /** Goes on with a pass. */
  async #next(pass: Pass, maxRows: number): Promise<OutboxRow[]> {
    const { query, statements, holdings } = this.#options;
    const batch = pass.batch(maxRows);
    if (this.#mayTrust()) {
      const { owner } = holdings;
      const rows = await this.#send(query.hot, statements.more, batch, [pass.snapshot]);
      return holdings.owner === owner ? await this.#accept(rows, batch) : [];
    }
    const [header, ...rows] = await this.#ask(statements.next, batch, [pass.snapshot]) ?? [];
    return header === undefined ? [] : await this.#accept(rows, batch);
  }

  /**
   * Whether rows can be read without a look at the lease, as something was settled under it a moment
   * ago, and at blocked lanes, as there are none: half of what such a statement costs are these looks.
   */
  #mayTrust(): boolean {
    const { inFlight, isBound, leaseMs } = this.#options;
    const ageMs = performance.now() - this.#confirmedAtMs;
    return ageMs < Math.min(MAX_SURVEY_AGE_MS, leaseMs / 2) && !this.#hasLanes &&
      !inFlight.hasBlocked && !isBound();
  }

  /** Begins a pass with a look at everything, and takes what is this session's share. */
  async #survey(maxRows: number): Promise<OutboxRow[]> {
    const { topics, statements, holdings, inFlight, lowWater } = this.#options;
    const text = topics === undefined ? statements.survey : statements.surveyTopics;
    let hasReaped = false;
    for (let lapses = 0; lapses < MAX_LAPSES;) {
      const batch = this.#begin(maxRows);
      inFlight.beginSurvey();
      const [header, ...rows] = await this.#ask(text, batch, [
        ...busyColumns(inFlight.busyLanes),
        topics === undefined ? LAST_TOPIC : arrayLiteral(topics),
      ]) ?? [];
      if (header === undefined) {
        lapses++;
        continue;
      }
      const survey: Survey = JSON.parse(String(header.attributes));
      if (survey.isReapable && !hasReaped) {
        await holdings.reap();
        hasReaped = true;
      } else if (!await holdings.share(survey)) {
        this.#statements = 0;
        this.#surveyedRelays = this.#relays;
        this.#hasLanes = survey.hasLanes;
        this.#surveyedAtMs = performance.now();
        const { pass } = batch;
        pass.snapshot = survey.snapshot;
        pass.isWhole = true;
        pass.isRipe = lowWater.isRipe(pass.snapshot);
        return await this.#accept(rows, batch);
      }
      inFlight.endLook();
    }
    return [];
  }

  #endPass(): void {
    if (this.#pass !== undefined) this.#options.lowWater.end(this.#pass);
    this.#pass = undefined;
  }

  #begin(maxRows: number): Batch {
    const { holdings, inFlight, wakeUps } = this.#options;
    this.#wakes = wakeUps.count;
    this.#gaveRows = false;
    inFlight.beginPass();
    return new Pass(holdings.read).batch(maxRows);
  }

  /**
   * Sends a statement that reads rows behind one about the session. Nothing comes back if all was lost
   * without harm, so that it is to be begun anew.
   */
  async #ask(
    text: string,
    batch: Batch,
    more: readonly PostgresParameter[] = [],
  ): Promise<readonly PostgresRow[] | undefined> {
    const { query, holdings, onLease } = this.#options;
    const { owner } = holdings;
    const rows = await this.#send(query.fresh, text, batch, more);
    const [header] = rows;
    query.learn(header);
    this.#relays = header?.id;
    if (owner !== undefined && holdings.owner === owner) await onLease(Number(header?.state));
    return holdings.owner === owner ? rows : undefined;
  }

  async #send(
    query: PostgresQuery,
    text: string,
    { asked, quota, maxRows }: Batch,
    more: readonly PostgresParameter[],
  ): Promise<readonly PostgresRow[]> {
    const { holdings, inFlight } = this.#options;
    this.#statements++;
    inFlight.look();
    return await query(text, [
      holdings.owner ?? null,
      arrayLiteral(asked.map(({ topic }) => topic)),
      arrayLiteral(asked.map(({ partition }) => partition)),
      arrayLiteral(asked.map(({ cursor }) => cursor)),
      String(quota),
      String(maxRows),
      ...more,
    ]);
  }

  async #accept(rows: readonly PostgresRow[], batch: Batch): Promise<OutboxRow[]> {
    const { inFlight, settler } = this.#options;
    const { pass } = batch;
    const found = pass.accept(rows, batch, inFlight);
    inFlight.endLook();
    this.#pass = pass;
    this.#gaveRows ||= found.given.length > 0;
    await settler.bury(found.broken);
    await settler.sweep(found.idle);
    if (await settler.park(found.blocked)) this.#isAgain = true;
    if (pass.active.length === 0 && pass.isWhole) this.#seen = pass.snapshot;
    if (pass.active.length === 0) this.#endPass();
    return found.given;
  }
}

function busyColumns(lanes: readonly BusyLane[]): readonly string[] {
  return [
    arrayLiteral(lanes.map(({ topic }) => topic)),
    arrayLiteral(lanes.map((lane) => laneIn(lane, lane.cursor))),
    arrayLiteral(lanes.map(({ cursor }) => cursor)),
  ];
}

/** What was stored first comes first, as far as it was read together. */
function byPosition({ position: a }: OutboxRow, { position: b }: OutboxRow): number {
  return a.length - b.length || (a < b ? -1 : 1);
}
