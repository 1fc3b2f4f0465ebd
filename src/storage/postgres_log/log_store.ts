import { anyPartition, base64, laneOf, partitionOf } from "../mod.ts";
import type { PostgresLogAccess } from "../postgres/mod.ts";
import type { SlotNotes } from "./log_feed.ts";
import { type LogStatements, logStatements, type MovedMessage } from "./log_statements.ts";
import { formatLsn, type Lsn, parseLsn } from "./lsn.ts";
import type { PlacedMove } from "./move.ts";

/** What the tables know of a slot, and where messages go that cannot be published at once. */
export class LogStore {
  readonly #access: PostgresLogAccess;
  readonly #slot: string;
  readonly #statements: LogStatements;

  constructor(access: PostgresLogAccess, slot: string) {
    this.#access = access;
    this.#slot = slot;
    this.#statements = logStatements(access);
  }

  /**
   * Takes the slot over from the session that had it, which ends. Resolves to what is noted of it, or to
   * `undefined` if another was faster.
   */
  async claim(owner: string, former: string | undefined): Promise<SlotNotes | undefined> {
    const parameters = [this.#slot, owner, former ?? null];
    const [row] = await this.#access.query(this.#statements.claim, parameters);
    if (row === undefined) return undefined;
    return { settled: JSON.parse(String(row.settled)), base: BigInt(String(row.base)) };
  }

  /** The names of the lanes of which messages wait in a table, or behind a dead letter. */
  async blockedLanes(): Promise<Set<string>> {
    const rows = await this.#access.query(this.#statements.lanes);
    return new Set(
      rows.map(({ topic, lane }) =>
        laneOf({ topic: String(topic), key: String(lane).slice(1), id: "" })
      ),
    );
  }

  /** How long a session has left that has the slot, in milliseconds; `undefined` if it has lost it. */
  async leftMs(owner: string): Promise<number | undefined> {
    const [row] = await this.#access.query(this.#statements.guard, [owner, this.#slot]);
    return row === undefined ? undefined : Number(row.state);
  }

  /** Puts messages into tables; as {@linkcode LogStore.leftMs}, and nothing is written if the slot is lost. */
  async move(
    owner: string,
    settled: readonly string[],
    moves: readonly PlacedMove[],
  ): Promise<number | undefined> {
    const [row] = await this.#write(this.#statements.move, owner, settled, moves);
    return row === undefined ? undefined : Number(row.state);
  }

  /**
   * Puts those messages into a table whose lanes are blocked. Resolves to their positions, or to
   * `undefined` if the slot is lost.
   */
  async divert(
    owner: string,
    settled: readonly string[],
    moves: readonly PlacedMove[],
  ): Promise<ReadonlySet<string> | undefined> {
    const [row] = await this.#write(this.#statements.divert, owner, settled, moves);
    if (row === undefined) return undefined;
    return new Set<string>(JSON.parse(String(row.moved ?? "[]")));
  }

  /** Notes the positions of messages that are done; whether the session still has the slot. */
  async note(owner: string, settled: readonly string[]): Promise<boolean> {
    const parameters = [owner, this.#slot, JSON.stringify(settled)];
    return (await this.#access.query(this.#statements.note, parameters)).length > 0;
  }

  /** Confirms a place, if nobody reads. */
  async advance(done: Lsn): Promise<void> {
    await this.#access.query(this.#statements.advance, [this.#slot, formatLsn(done)]);
  }

  /** Ends the process of the server that reads through the slot. */
  async terminate(pid: string): Promise<void> {
    await this.#access.query(
      `select pg_terminate_backend(active_pid) as is_done from pg_replication_slots
where slot_name = $1::text and active_pid = $2::text::integer`,
      [this.#slot, pid],
    );
  }

  /** Up to where there is a log. */
  async end(): Promise<Lsn> {
    const [row] = await this.#access.query("select pg_current_wal_flush_lsn()::text as lsn");
    return parseLsn(String(row?.lsn));
  }

  #write(text: string, owner: string, settled: readonly string[], moves: readonly PlacedMove[]) {
    const rows = moves.map((move) => this.#rowOf(move));
    const parameters = [owner, this.#slot, JSON.stringify(settled), JSON.stringify(rows)];
    return this.#access.query(text, parameters);
  }

  #rowOf({ message, place, ...outcome }: PlacedMove): MovedMessage {
    const { envelope, error, position, transaction } = message;
    const { storable, attributesOf } = this.#access;
    const { topic, key, id, type, body } = envelope;
    return {
      ...outcome,
      ...(outcome.e === undefined ? {} : { e: storable(outcome.e) }),
      c: String(place),
      n: position,
      t: storable(topic),
      p: key === undefined ? anyPartition() : partitionOf(key),
      k: key && storable(key),
      i: storable(id),
      y: storable(type),
      // Without attributes nobody takes it for a message that can be published.
      a: error === undefined ? attributesOf(envelope) : "null",
      b: base64(body),
      s: transaction.committedAt.toISOString(),
    };
  }
}
