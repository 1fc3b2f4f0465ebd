import {
  type BuriedMessage,
  type InboxDeadLetter,
  type InboxDeadLetterFilter,
  type InboxDeadLetters,
  type InboxStatistics,
  listLimitOf,
} from "../mod.ts";
import { MAX_ERROR_LENGTH } from "./dead_row.ts";
import type { DenoKvEntryMaybe, DenoKvSelector } from "./deno_kv.ts";
import { keyText } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";
import { type DenoKvTransaction, openedOf, type OpenTransaction } from "./kv_transaction.ts";
import { FIRST_VERSION, placeOf } from "./place.ts";
import { readBody } from "./stored_body.ts";
import { chunksIn, encodeRow, envelopeIn } from "./stored_row.ts";
import { addWrites, type Write } from "./writes.ts";

/** A dead letter as it is stored. */
interface StoredLetter {
  readonly consumer: string;
  readonly attempts: number;
  readonly error: string;
  readonly row: Uint8Array;
}

/** Where a dead letter is. */
interface LetterPlace {
  readonly diedAtMs: number;
  readonly place: string;
}

/** What consumers have given up, in a storage on Deno KV. */
export class KvInboxDeadLetters implements InboxDeadLetters<DenoKvTransaction> {
  readonly #database: KvDatabase;

  constructor(database: KvDatabase) {
    this.#database = database;
  }

  /** Stores a dead letter as a part of a transaction. */
  async bury(tx: OpenTransaction, { consumer, envelope, attempts, error }: BuriedMessage) {
    const { kv, keys, clock } = this.#database;
    const diedAtMs = clock.now();
    const { bytes, chunks } = encodeRow(envelope, diedAtMs);
    const [scope, id] = await Promise.all([keyText(consumer), keyText(envelope.id)]);
    await tx.turns.take(async () => {
      const { versionstamp } = await kv.get(keys.inboxClock); // a check would conflict with all others
      // Within a transaction the number tells which was first.
      const place = placeOf(versionstamp ?? FIRST_VERSION, tx.token, tx.nextNumber());
      const letter = { consumer, attempts, error: error.slice(0, MAX_ERROR_LENGTH), row: bytes };
      tx.client.writeAll([
        { key: keys.inboxClock, value: 0 },
        { key: keys.inboxLetter(diedAtMs, place), value: letter },
        { key: keys.inboxLetterId(scope, id, place), value: diedAtMs },
        ...chunks.map((value, n) => ({ key: keys.body(place, n), value })),
      ]);
    });
  }

  async list(filter: InboxDeadLetterFilter = {}): Promise<readonly InboxDeadLetter[]> {
    const limit = listLimitOf(filter);
    const { consumer, after } = filter;
    const found: Array<LetterPlace & { readonly letter: StoredLetter }> = [];
    for await (const { key, value } of this.#database.walk(this.#behind(after), Infinity)) {
      const [diedAtMs, place] = key.slice(-2);
      const letter = storedLetterOf(value);
      if (letter === undefined || typeof diedAtMs !== "number" || typeof place !== "string") {
        continue;
      }
      if (consumer !== undefined && letter.consumer !== consumer) continue;
      if (found.push({ diedAtMs, place, letter }) === limit) break;
    }
    const letters = await Promise.all(found.map(({ letter, ...at }) => this.#letter(letter, at)));
    return letters.filter((letter) => letter !== undefined); // others were taken meanwhile
  }

  async discard(consumer: string, messageIds: readonly string[]): Promise<number> {
    const { kv, keys } = this.#database;
    let count = 0;
    for (const id of new Set(messageIds)) {
      for (const at of await this.#placesOf(consumer, id)) {
        const key = keys.inboxLetter(at.diedAtMs, at.place);
        const { value, versionstamp } = await kv.get(key);
        const letter = storedLetterOf(value);
        if (letter === undefined) continue;
        const operation = kv.atomic().check({ key, versionstamp });
        addWrites(operation, await this.#deletion(letter, id, at));
        // If that fails, somebody else has taken or deleted it.
        if (await this.#database.commit(operation) !== undefined) count++;
      }
    }
    return count;
  }

  async take(
    tx: DenoKvTransaction,
    consumer: string,
    messageId: string,
  ): Promise<InboxDeadLetter | undefined> {
    const open = openedOf(tx, this.#database, "take");
    const { keys } = this.#database;
    return await open.turns.take(async () => {
      open.client.checkOpen("take");
      for (const at of await this.#placesOf(consumer, messageId)) {
        const { value } = await open.client.get(keys.inboxLetter(at.diedAtMs, at.place));
        const stored = storedLetterOf(value);
        const letter = stored && await this.#letter(stored, at);
        if (stored === undefined || letter === undefined) continue;
        open.client.writeAll(await this.#deletion(stored, messageId, at));
        return letter;
      }
      return undefined;
    });
  }

  /** Counts dead letters, up to so many. */
  async count(maxCount: number): Promise<InboxStatistics> {
    let deadLetters = 0;
    let oldestMs: number | undefined;
    const { keys } = this.#database;
    for await (const { key } of this.#database.walk({ prefix: keys.inboxDead }, maxCount)) {
      const diedAtMs = key[keys.depth];
      if (typeof diedAtMs === "number") oldestMs ??= diedAtMs;
      deadLetters++;
    }
    const oldestDeadLetterAt = oldestMs === undefined ? undefined : new Date(oldestMs);
    return { deadLetters, oldestDeadLetterAt };
  }

  #behind(position: string | undefined): DenoKvSelector {
    const { keys } = this.#database;
    const all = { prefix: keys.inboxDead };
    if (position === undefined) return all;
    const at = position.indexOf(SEPARATOR);
    const diedAtMs = Number(position.slice(0, at));
    if (at < 1 || Number.isNaN(diedAtMs)) {
      throw new RangeError(
        `Cannot list dead letters: after must be the position of one, got "${position}"`,
      );
    }
    return { ...all, start: keys.inboxLetter(diedAtMs, `${position.slice(at + 1)}\0`) };
  }

  /** Where the dead letters of a message are, the oldest first. */
  async #placesOf(consumer: string, id: string): Promise<LetterPlace[]> {
    const prefix = this.#database.keys.inboxLetterIds(await keyText(consumer), await keyText(id));
    const entries = await this.#database.list({ prefix }, Infinity);
    return entries
      .map(({ key, value }) => ({ place: String(key.at(-1)), diedAtMs: Number(value) }))
      .sort((a, b) => a.diedAtMs - b.diedAtMs || (a.place < b.place ? -1 : 1));
  }

  async #deletion(letter: StoredLetter, id: string, at: LetterPlace): Promise<Write[]> {
    const { keys } = this.#database;
    const { diedAtMs, place } = at;
    return [
      { key: keys.inboxLetter(diedAtMs, place) },
      { key: keys.inboxLetterId(await keyText(letter.consumer), await keyText(id), place) },
      ...Array.from({ length: chunksIn(letter.row) }, (_, n) => ({ key: keys.body(place, n) })),
    ];
  }

  /** The dead letter with its body; `undefined` if that is gone. */
  async #letter(
    { row, ...rest }: StoredLetter,
    { diedAtMs, place }: LetterPlace,
  ): Promise<InboxDeadLetter | undefined> {
    const envelope = envelopeIn(row);
    const chunks = chunksIn(row);
    const body = chunks === 0 ? envelope?.body : await readBody(this.#database, place, chunks);
    if (envelope === undefined || body === undefined) return undefined;
    return {
      ...rest,
      envelope: { ...envelope, body },
      diedAt: new Date(diedAtMs),
      position: `${diedAtMs}${SEPARATOR}${place}`,
    };
  }
}

/** Between the time and the place in a position. */
const SEPARATOR = ":";

function storedLetterOf(value: DenoKvEntryMaybe["value"]): StoredLetter | undefined {
  const { consumer, attempts, error, row } = Object(value);
  const isRight = typeof consumer === "string" && typeof attempts === "number" &&
    typeof error === "string" && envelopeIn(row) !== undefined;
  return isRight ? { consumer, attempts, error, row } : undefined;
}
