import type { Clock } from "../../clock.ts";
import type { ReplayAnswer, ReplayAsk, ReplayExchange, RunPlace } from "../mod.ts";
import type { DenoKvKey, DenoKvKeyPart } from "./deno_kv.ts";
import { keyText } from "./keys.ts";
import type { KvDatabase } from "./kv_database.ts";

/** How much of an answer a value holds, in UTF-16 code units, each of which takes 2 bytes at the most. */
const PART_LENGTH = 30_000;
/** How many parts are written at once: what an atomic operation may hold, with some room. */
const PARTS_AT_ONCE = 10;
/** How many keys are deleted at once. */
const DELETES_AT_ONCE = 500;

/** For how many leases a node may be silent until it is forgotten. */
const SILENT_LEASES = 4;
/** What stands in place of the lease of a node that is being forgotten. */
const FORGOTTEN = 0;

/** What was seen of a node. */
interface Sign {
  readonly versionstamp: string;
  readonly sinceMs: number;
}

/**
 * How replay logs talk through Deno KV, below the prefix `P`:
 *
 * ```text
 * P replay node    node               changes as long as the node lives; holds its lease, or 0 (forgotten)
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

  async beat(node: string, leaseMs: number): Promise<boolean> {
    const key = this.#key("node", node);
    for (;;) {
      const { versionstamp, value } = await this.#get<number>(key);
      const operation = this.#database.kv.atomic().check({ key, versionstamp }).set(key, leaseMs);
      if (await this.#database.commit(operation) === undefined) continue;
      await this.#forgetSilent(node, leaseMs);
      return value !== undefined && value !== FORGOTTEN;
    }
  }

  async leave(node: string): Promise<void> {
    const { versionstamp } = await this.#get(this.#key("node", node));
    if (versionstamp !== null) await this.#forgetNode(node, versionstamp);
  }

  async register(run: string, { owner, node }: RunPlace): Promise<boolean> {
    const key = this.#key("run", await keyText(run));
    if (!await this.#isKnown(node)) {
      throw new Error("Cannot register a run as its node is not known");
    }
    const { versionstamp, value } = await this.#get<RunPlace>(key);
    if (value !== undefined && value.node !== node && await this.#isKnown(value.node)) return false;
    const operation = this.#database.kv.atomic().check({ key, versionstamp })
      .set(key, { owner, node }).set(this.#key("of", node, String(key.at(-1))), 0);
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
    return value !== undefined && await this.#isKnown(value.node) ? value : undefined;
  }

  async ask(ask: ReplayAsk): Promise<boolean> {
    if (!await this.#isKnown(ask.node)) return false;
    await this.#commit((atomic) => atomic.set(this.#key("link", ask.node, ask.link), ask));
    return true;
  }

  async want(ask: ReplayAsk): Promise<void> {
    const key = this.#key("link", ask.node, ask.link);
    const { versionstamp } = await this.#get(key);
    if (versionstamp === null) return;
    // Nobody else writes it, but for who deletes it.
    await this.#commit((atomic) => atomic.check({ key, versionstamp }).set(key, ask));
  }

  async asksOf(node: string): Promise<readonly ReplayAsk[]> {
    const entries = await this.#database.list({ prefix: this.#key("link", node) }, Infinity);
    const asks: ReplayAsk[] = [];
    for (const { value } of entries) {
      const ask = value as ReplayAsk;
      if (await this.#livesNow(ask.from)) asks.push(ask);
      else await this.close(ask);
    }
    return asks;
  }

  async answer({ link }: ReplayAsk, number: number, text: string): Promise<void> {
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

  async answerOf({ link, node }: ReplayAsk, number: number): Promise<ReplayAnswer> {
    const prefix = this.#key("answer", link, number);
    const [first, asked, sign] = await this.#database.kv.getMany([
      [...prefix, 0],
      this.#key("link", node, link),
      this.#key("node", node),
    ]);
    if (first?.value) return { state: "here", text: await this.#take(prefix, first.value as Part) };
    if (!asked?.versionstamp) return { state: "lost" };
    return { state: sign?.versionstamp && this.#lives(node, sign) ? "none" : "silent" };
  }

  async close({ link, node }: ReplayAsk): Promise<void> {
    const answers = await this.#database.list({ prefix: this.#key("answer", link) }, Infinity);
    await this.#deleteAll([
      this.#key("link", node, link),
      ...answers.map(({ key }) => this.#key("answer", link, ...numbersOf(key))),
    ]);
  }

  /** Gives an answer, and deletes it. */
  async #take(prefix: DenoKvKey, { text, count }: Part): Promise<string> {
    if (count === 1) {
      await this.#commit((atomic) => atomic.delete([...prefix, 0]));
      return text;
    }
    const entries = await this.#database.list({ prefix }, Infinity);
    await this.#deleteAll(entries.map((_, part) => [...prefix, part]));
    return entries.map(({ value }) => (value as Part).text).join("");
  }

  async #isKnown(node: string): Promise<boolean> {
    return (await this.#get(this.#key("node", node))).versionstamp !== null;
  }

  /** Whether a node lives, as far as one look tells. */
  async #livesNow(node: string): Promise<boolean> {
    const { versionstamp, value } = await this.#get<number>(this.#key("node", node));
    return versionstamp !== null && this.#lives(node, { versionstamp, value });
  }

  #lives(node: string, sign: SeenSign): boolean {
    return this.#silentMs(node, sign) <= Number(sign.value);
  }

  /** For how long a node has given no sign, as far as this process has looked. */
  #silentMs(node: string, { versionstamp }: SeenSign): number {
    const nowMs = this.#clock.now();
    const sign = this.#signs.get(node);
    if (sign?.versionstamp === versionstamp && sign.sinceMs <= nowMs) return nowMs - sign.sinceMs;
    this.#signs.set(node, { versionstamp, sinceMs: nowMs });
    return 0;
  }

  /** Forgets the other nodes that have been silent for long. */
  async #forgetSilent(node: string, leaseMs: number): Promise<void> {
    const found = new Set<string>();
    for (const entry of await this.#database.list({ prefix: this.#key("node") }, Infinity)) {
      const other = String(entry.key.at(-1));
      found.add(other);
      if (other === node || this.#silentMs(other, entry) <= SILENT_LEASES * leaseMs) continue;
      await this.#forgetNode(other, entry.versionstamp);
    }
    for (const other of this.#signs.keys()) {
      if (!found.has(other)) this.#signs.delete(other);
    }
  }

  /** Deletes what a node has left behind, until it gives a sign: then it lives, and tells of its runs again. */
  async #forgetNode(node: string, versionstamp: string): Promise<void> {
    const key = this.#key("node", node);
    const { kv } = this.#database;
    const mark = kv.atomic().check({ key, versionstamp }).set(key, FORGOTTEN);
    const marked = await this.#database.commit(mark);
    if (marked === undefined) return;
    const isSilent = { key, versionstamp: marked };
    const prefix = this.#key("of", node);
    for (;;) {
      const runs = await this.#database.list({ prefix }, DELETES_AT_ONCE / 2);
      if (runs.length === 0) break;
      const operation = kv.atomic().check(isSilent);
      for (const { key } of runs) {
        const run = String(key.at(-1));
        operation.delete(this.#key("of", node, run)).delete(this.#key("run", run));
      }
      if (await this.#database.commit(operation) === undefined) return;
    }
    for (
      const { value } of await this.#database.list({ prefix: this.#key("link", node) }, Infinity)
    ) {
      await this.close(value as ReplayAsk);
    }
    await this.#database.commit(kv.atomic().check(isSilent).delete(key));
  }

  async #deleteAll(keys: readonly DenoKvKey[]): Promise<void> {
    for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
      await this.#commit((atomic) => {
        for (const key of keys.slice(at, at + DELETES_AT_ONCE)) atomic.delete(key);
        return atomic;
      });
    }
  }

  async #get<T = unknown>(key: DenoKvKey): Promise<Found<T>> {
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

/** The key of a node, as it was read. */
interface SeenSign {
  readonly versionstamp: string;
  readonly value: unknown;
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
