import { type DeadLetter, type DeadLetterFilter, type DeadLetters, listLimitOf } from "../mod.ts";
import { bodyKeysOf, type DeadRow, deadRowOf, letterOf, NONSENSE } from "./dead_row.ts";
import type { DenoKvEntry, DenoKvSelector } from "./deno_kv.ts";
import type { KvDatabase } from "./kv_database.ts";
import { keyText } from "./keys.ts";
import { laneWaits, ticketFor } from "./lane_record.ts";
import { readBody } from "./stored_body.ts";
import { chunksIn, isRow, withAttempts } from "./stored_row.ts";
import type { WakeUps } from "./wake_ups.ts";
import { addWrites, type Write } from "./writes.ts";

/** A dead letter and where it is. */
interface FoundLetter {
  readonly dead: DeadRow;
  readonly diedAtMs: number;
  readonly place: string;
  readonly entry: DenoKvEntry;
}

/** So many dead letters are put back or deleted at a time. */
const CONCURRENCY = 10;

/** The messages that were given up in a storage on Deno KV. */
export class KvDeadLetters implements DeadLetters {
  readonly #database: KvDatabase;
  readonly #wakeUps: WakeUps;

  constructor(database: KvDatabase, wakeUps: WakeUps) {
    this.#database = database;
    this.#wakeUps = wakeUps;
  }

  async list(filter: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    const { topic, after } = filter;
    const limit = listLimitOf(filter);
    const name = topic === undefined ? undefined : await keyText(topic);
    const found: FoundLetter[] = [];
    for await (const entry of this.#database.walk(await this.#behind(after), Infinity)) {
      const letter = foundOf(entry);
      if (letter === undefined || (name !== undefined && letter.dead.topic !== name)) continue;
      if (found.push(letter) === limit) break;
    }
    return await Promise.all(found.map((letter) => this.#letter(letter)));
  }

  requeue(ids: readonly string[]): Promise<number> {
    return this.#end(ids, (letter) => this.#putBack(letter));
  }

  discard(ids: readonly string[]): Promise<number> {
    return this.#end(ids, (letter) => Promise.resolve(this.#delete(letter)));
  }

  /** All that comes behind the last dead letter with an id. */
  async #behind(id: string | undefined): Promise<DenoKvSelector> {
    const { keys } = this.#database;
    const all = { prefix: keys.dead };
    if (id === undefined) return all;
    const starts = await this.#startsOf(id);
    const last = starts.sort((a, b) => a.diedAtMs - b.diedAtMs || (a.place < b.place ? -1 : 1)).at(
      -1,
    );
    if (last === undefined) return all;
    return { ...all, start: keys.deadLetter(last.diedAtMs, `${last.place}\0`) };
  }

  async #startsOf(
    id: string,
  ): Promise<Array<{ readonly place: string; readonly diedAtMs: number }>> {
    const prefix = this.#database.keys.deadLetterIds(await keyText(id));
    const entries = await this.#database.list({ prefix }, Infinity);
    return entries.map(({ key, value }) => ({
      place: String(key.at(-1)),
      diedAtMs: Number(value),
    }));
  }

  async #letter({ dead, diedAtMs, place }: FoundLetter): Promise<DeadLetter> {
    const chunks = isRow(dead.row) ? chunksIn(dead.row) : 0;
    const body = chunks === 0 ? undefined : await readBody(this.#database, place, chunks);
    return letterOf(dead, diedAtMs, body);
  }

  async #end(
    ids: readonly string[],
    writesOf: (letter: FoundLetter) => Promise<readonly Write[]>,
  ): Promise<number> {
    const all = [...new Set(ids)];
    let count = 0;
    for (let n = 0; n < all.length; n += CONCURRENCY) {
      const part = all.slice(n, n + CONCURRENCY);
      const counts = await Promise.all(part.map((id) => this.#endOne(id, writesOf)));
      for (const each of counts) count += each;
    }
    if (count > 0) await this.#wakeUps.callAll();
    return count;
  }

  async #endOne(
    id: string,
    writesOf: (letter: FoundLetter) => Promise<readonly Write[]>,
  ): Promise<number> {
    const { kv, keys } = this.#database;
    const name = await keyText(id);
    let count = 0;
    for (const { place, diedAtMs } of await this.#startsOf(id)) {
      const key = keys.deadLetter(diedAtMs, place);
      const found = await kv.get(key);
      const letter = found.versionstamp === null ? undefined : foundOf(found);
      if (letter === undefined) continue;
      const operation = kv.atomic().check({ key, versionstamp: letter.entry.versionstamp });
      addWrites(operation, [
        { key },
        { key: keys.deadLetterId(name, place) },
        ...await writesOf(letter),
      ]);
      // If that fails, somebody else has put it back or deleted it.
      if (await this.#database.commit(operation) !== undefined) count++;
    }
    return count;
  }

  /** Puts a row where its lane waits, also if no other row does, and lets somebody look there. */
  async #putBack({ dead, place }: FoundLetter): Promise<Write[]> {
    const { kv, keys, clock } = this.#database;
    const { lane, row } = dead;
    const ticket = ticketFor(lane, clock.now());
    const back = { key: keys.waitingRow(dead, lane, place) };
    if (row !== null) {
      return [{ ...back, value: withAttempts(row, 0) }, ...laneWaits(this.#database, dead, ticket)];
    }
    const key = keys.body(place, NONSENSE);
    const { value } = await kv.get(key);
    return [{ ...back, value }, { key }, ...laneWaits(this.#database, dead, ticket)];
  }

  #delete({ dead, place }: FoundLetter): Write[] {
    const { keys, clock } = this.#database;
    const writes = bodyKeysOf(keys, place, dead);
    if (!dead.isParking) return writes;
    const ticket = ticketFor(dead.lane, clock.now());
    return [
      ...writes,
      { key: keys.waitingRow(dead, dead.lane, place) },
      ...laneWaits(this.#database, dead, ticket),
    ];
  }
}

function foundOf(entry: DenoKvEntry): FoundLetter | undefined {
  const [diedAtMs, place] = entry.key.slice(-2);
  const dead = deadRowOf(entry.value);
  const isFound = dead !== undefined && typeof diedAtMs === "number" && typeof place === "string";
  return isFound ? { dead, diedAtMs, place, entry } : undefined;
}
