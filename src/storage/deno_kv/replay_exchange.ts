import type { Clock } from "../../clock.ts";
import type { ReplayAsk, ReplayExchange, RunPlace } from "../mod.ts";
import type { DenoKvKey, DenoKvKeyPart } from "./deno_kv.ts";
import { keyText } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";

/** How much of an answer a value holds, in UTF-16 code units, each of which takes 2 bytes at the most. */
const PART_LENGTH = 30_000;
/** How many parts are written at once: what an atomic operation may hold, with some room. */
const PARTS_AT_ONCE = 10;
/** How many keys are deleted at once. */
const DELETES_AT_ONCE = 500;

/** What was seen of a node. */
interface Sign {
  readonly versionstamp: string;
  readonly sinceMs: number;
}

/**
 * How replay logs talk through Deno KV, below the prefix `P`:
 *
 * ```text
 * P replay node    node               changes as long as the node lives; holds its lease
 * P replay run     run                where a run is
 * P replay of      node   run         the runs of a node
 * P replay link    node   link        what a node is asked
 * P replay answer  link   n     part  an answer, in parts
 * ```
 *
 * Clocks of processes differ, so that a node is taken to be dead when its key has not changed for the
 * time of its lease, by the clock of whoever looks.
 */
export class KvReplayExchange implements ReplayExchange {
  readonly #database: KvDatabase;
  readonly #prefix: DenoKvKey;
  readonly #clock: Clock;
  readonly #signs: Map<string, Sign> = new Map();

  constructor(database: KvDatabase, prefix: DenoKvKey, clock: Clock) {
    this.#database = database;
    this.#prefix = [...prefix, "replay"];
    this.#clock = clock;
  }

  async beat(node: string, leaseMs: number): Promise<void> {
    await this.#commit((atomic) => atomic.set(this.#key("node", node), leaseMs));
    const nodes = await this.#database.list({ prefix: this.#key("node") }, Infinity);
    for (const entry of nodes) {
      const other = String(entry.key.at(-1));
      if (!this.#lives(other, entry)) await this.#bury(other);
    }
  }

  leave(node: string): Promise<void> {
    return this.#bury(node);
  }

  async register(run: string, place: RunPlace): Promise<boolean> {
    const key = this.#key("run", await keyText(run));
    const { versionstamp, value } = await this.#get<RunPlace>(key);
    if (value !== undefined && await this.#livesNow(value.node)) return false;
    const operation = this.#database.kv.atomic().check({ key, versionstamp })
      .set(key, place).set(this.#key("of", place.node, String(key.at(-1))), 0);
    return await this.#database.commit(operation) !== undefined;
  }

  async forget(run: string): Promise<void> {
    const key = this.#key("run", await keyText(run));
    const { value } = await this.#get<RunPlace>(key);
    if (value === undefined) return;
    const index = this.#key("of", value.node, String(key.at(-1)));
    await this.#commit((atomic) => atomic.delete(key).delete(index));
  }

  async find(run: string): Promise<RunPlace | undefined> {
    const { value } = await this.#get<RunPlace>(this.#key("run", await keyText(run)));
    return value !== undefined && await this.#livesNow(value.node) ? value : undefined;
  }

  async ask(ask: ReplayAsk): Promise<void> {
    await this.#commit((atomic) => atomic.set(this.#key("link", ask.node, ask.link), ask));
  }

  async asksOf(node: string): Promise<readonly ReplayAsk[]> {
    const entries = await this.#database.list({ prefix: this.#key("link", node) }, Infinity);
    const asks: ReplayAsk[] = [];
    for (const { value } of entries) {
      const ask = value as ReplayAsk;
      if (await this.#livesNow(ask.from)) asks.push(ask);
      else await this.#commit((atomic) => atomic.delete(this.#key("link", node, ask.link)));
    }
    return asks;
  }

  async answer(link: string, number: number, text: string): Promise<void> {
    const parts: string[] = [];
    for (let at = 0; at < text.length; at += PART_LENGTH) {
      parts.push(text.slice(at, at + PART_LENGTH));
    }
    const key = (part: number) => this.#key("answer", link, number, part);
    // The first part says how many there are, so it is written last.
    for (let at = parts.length; at > 0; at -= PARTS_AT_ONCE) {
      const start = Math.max(0, at - PARTS_AT_ONCE);
      await this.#commit((atomic) => {
        for (let part = start; part < at; part++) {
          atomic.set(key(part), { text: parts[part], count: parts.length });
        }
        return atomic;
      });
    }
  }

  async answerOf(ask: ReplayAsk, number: number): Promise<string | null | undefined> {
    const { link, node } = ask;
    const prefix = this.#key("answer", link, number);
    const { value: first } = await this.#get<Part>([...prefix, 0]);
    if (first === undefined) return await this.#livesNow(node) ? undefined : null;
    if (first.count === 1) {
      await this.#commit((atomic) => atomic.delete([...prefix, 0]));
      return first.text;
    }
    const entries = await this.#database.list({ prefix }, Infinity);
    await this.#deleteAll(entries.map((_, part) => [...prefix, part]));
    return entries.map(({ value }) => (value as Part).text).join("");
  }

  async close({ link, node }: ReplayAsk): Promise<void> {
    const answers = await this.#database.list({ prefix: this.#key("answer", link) }, Infinity);
    await this.#deleteAll([
      this.#key("link", node, link),
      ...answers.map(({ key }) => this.#key("answer", link, ...numbersOf(key))),
    ]);
  }

  wake(): void {
    // Nodes look by themselves: a watch does not reach other processes on a file.
  }

  /** Whether a node lives, as far as one look tells. */
  async #livesNow(node: string): Promise<boolean> {
    const { versionstamp, value } = await this.#get<number>(this.#key("node", node));
    return versionstamp !== null && this.#lives(node, { versionstamp, value });
  }

  #lives(
    node: string,
    { versionstamp, value }: { readonly versionstamp: string; readonly value: unknown },
  ): boolean {
    const nowMs = this.#clock.now();
    const sign = this.#signs.get(node);
    if (sign?.versionstamp !== versionstamp || sign.sinceMs > nowMs) {
      this.#signs.set(node, { versionstamp, sinceMs: nowMs });
      return true;
    }
    return nowMs - sign.sinceMs <= Number(value);
  }

  /** Deletes what a dead node has left behind, some at a time. */
  async #bury(node: string): Promise<void> {
    const runs = await this.#database.list({ prefix: this.#key("of", node) }, DELETES_AT_ONCE);
    const links = await this.#database.list({ prefix: this.#key("link", node) }, DELETES_AT_ONCE);
    for (const { key } of runs) {
      const run = this.#key("run", String(key.at(-1)));
      const { value } = await this.#get<RunPlace>(run);
      if (value?.node === node) await this.#commit((atomic) => atomic.delete(run));
    }
    await this.#deleteAll([
      ...runs.map(({ key }) => this.#key("of", node, String(key.at(-1)))),
      ...links.map(({ key }) => this.#key("link", node, String(key.at(-1)))),
    ]);
    if (runs.length === DELETES_AT_ONCE) return; // the rest is for the next time
    await this.#commit((atomic) => atomic.delete(this.#key("node", node)));
    this.#signs.delete(node);
  }

  async #deleteAll(keys: readonly DenoKvKey[]): Promise<void> {
    for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
      await this.#commit((atomic) => {
        for (const key of keys.slice(at, at + DELETES_AT_ONCE)) atomic.delete(key);
        return atomic;
      });
    }
  }

  async #get<T>(key: DenoKvKey): Promise<Found<T>> {
    const { versionstamp, value } = await this.#database.kv.get(key);
    return { versionstamp, value: versionstamp === null ? undefined : value as T };
  }

  async #commit(write: (atomic: Atomic) => Atomic): Promise<void> {
    await this.#database.commit(write(this.#database.kv.atomic()));
  }

  #key(...parts: readonly DenoKvKeyPart[]): DenoKvKey {
    return [...this.#prefix, ...parts];
  }
}

interface Found<T> {
  readonly versionstamp: string | null;
  readonly value: T | undefined;
}

type Atomic = ReturnType<KvDatabase["kv"]["atomic"]>;

/** The number and the part at the end of an answer's key. */
function numbersOf(key: readonly unknown[]): number[] {
  return key.slice(-2).map(Number);
}

/** A part of an answer, and how many parts it has. */
interface Part {
  readonly text: string;
  readonly count: number;
}
