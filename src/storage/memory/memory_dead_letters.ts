import { type DeadLetter, type DeadLetterFilter, type DeadLetters, listLimitOf } from "../mod.ts";
import type { DeadRow, MemoryDatabase } from "./memory_database.ts";

/** The messages that were given up in a storage in memory. */
export class MemoryDeadLetters implements DeadLetters {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async list(filter: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    const { topic, after } = filter;
    const limit = listLimitOf(filter);
    const all = [...this.#database.dead];
    const begin = all.findLastIndex(({ row }) => row.envelope.id === after) + 1;
    return all.slice(begin)
      .filter(({ row }) => topic === undefined || row.envelope.topic === topic)
      .slice(0, limit)
      .map(letterOf);
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async requeue(ids: readonly string[]): Promise<number> {
    return this.#revive(ids, ({ row }) => {
      row.attempts = 0;
      this.#database.pending.add(row);
      row.lane.partition.add(row);
    });
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async discard(ids: readonly string[]): Promise<number> {
    return this.#revive(ids, () => {});
  }

  #revive(ids: readonly string[], act: (dead: DeadRow) => void): number {
    const wanted = new Set(ids);
    const found = [...this.#database.dead].filter(({ row }) => wanted.has(row.envelope.id));
    for (const dead of found) {
      this.#database.dead.delete(dead);
      act(dead);
      dead.row.lane.partition.revive(dead.row);
    }
    if (found.length > 0) this.#database.wake();
    return found.length;
  }
}

function letterOf({ row, attempts, error, diedAtMs }: DeadRow): DeadLetter {
  return { envelope: row.envelope, attempts, error, diedAt: new Date(diedAtMs) };
}
