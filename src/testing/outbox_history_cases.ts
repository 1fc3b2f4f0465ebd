import type { OutboxOutcome, OutboxRow, OutboxSession, Storage } from "../storage/mod.ts";
import { ConformanceError, expectSame } from "./conformance_case.ts";
import type { StorageHarness } from "./storage_harness.ts";
import {
  dead,
  drain,
  failed,
  held,
  LEASE_MS,
  message,
  published,
  returned,
  SESSION,
  type StorageCase,
  textOf,
} from "./storage_steps.ts";

const KEYS = ["a", "b", "c", "d", undefined];

/** Numbers that look random, and are the same each time. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/** A relay in a history: a session, and what it has of it. */
interface Relay {
  session: OutboxSession;
  rows: OutboxRow[];
}

/** Appends, reads, settles and fails at random, and keeps a record of what became of it. */
class History {
  readonly #harness: StorageHarness;
  readonly #random: (below: number) => number;
  readonly #relays: Relay[];
  readonly #appended = new Map<string, string[]>();
  readonly #published = new Map<string, string[]>();
  #count = 1_000;

  constructor(harness: StorageHarness, storages: readonly Storage[], seed: number) {
    this.#harness = harness;
    this.#random = randomFrom(seed);
    this.#relays = storages.map(({ outbox }) => ({ session: outbox.open(SESSION), rows: [] }));
  }

  async step(): Promise<void> {
    const relay = this.#relays[this.#random(this.#relays.length)];
    if (relay === undefined) return;
    switch (this.#random(12)) {
      case 0:
      case 1:
      case 2:
        return await this.#append();
      case 3:
      case 4:
      case 5:
        return void relay.rows.push(...await relay.session.read(1 + this.#random(5)));
      case 6:
      case 7:
      case 8:
        return await this.#settle(relay);
      case 9:
        return await this.#harness.advance(this.#random(3_000));
      case 10:
        return await this.#replace(relay);
      default:
        return await this.#loseLeases();
    }
  }

  /** Publishes all that is left, and checks that nothing is missing, doubled or out of order. */
  async end(): Promise<void> {
    for (const { session } of this.#relays) await session[Symbol.asyncDispose]();
    const { storage } = this.#harness;
    const letters = await storage.outbox.deadLetters.list({ limit: 1_000 });
    await storage.outbox.deadLetters.requeue(letters.map(({ envelope }) => envelope.id));
    await this.#harness.advance(10_000);
    for (const row of await drain(storage.outbox.open(SESSION))) this.#record(row);
    const { "-": keyless = [], ...lanes } = Object.fromEntries(this.#published);
    const { "-": stored = [], ...appended } = Object.fromEntries(this.#appended);
    expectSame("What was published of each lane", lanes, appended);
    expectSame("What was published without a key", [...keyless].sort(), stored);
    expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
  }

  async #append(): Promise<void> {
    const { storage } = this.#harness;
    const count = 1 + this.#random(3);
    const all = Array.from({ length: count }, () => {
      const key = KEYS[this.#random(KEYS.length)];
      const text = `${this.#count++}`;
      this.#note(this.#appended, key, text);
      return message(text, { key });
    });
    await storage.transaction((tx) => storage.outbox.append(tx, all));
  }

  /** Settles some of the lanes of what a relay has, as a relay does it: in order, and nothing behind a failure. */
  async #settle(relay: Relay): Promise<void> {
    const outcomes: OutboxOutcome[] = [];
    const lanes = new Map<string, OutboxOutcome["outcome"] | "later">();
    const rest: OutboxRow[] = [];
    for (const row of relay.rows) {
      const before = lanes.get(row.lane);
      const outcome = before === undefined || before === "published"
        ? this.#outcomeOf(row)
        : before === "later"
        ? undefined
        : before === "returned"
        ? returned(row)
        : held(row);
      lanes.set(row.lane, outcome?.outcome ?? "later");
      if (outcome === undefined) rest.push(row);
      else outcomes.push(outcome);
    }
    await relay.session.settle(outcomes);
    relay.rows = rest;
    for (const { row, outcome } of outcomes) if (outcome === "published") this.#record(row);
    if (this.#random(4) === 0) await this.#requeueOne();
  }

  #outcomeOf(row: OutboxRow): OutboxOutcome | undefined {
    const dice = this.#random(20);
    if (dice < 11) return published(row);
    if (dice < 14) return failed(row, this.#random(2_000));
    if (dice < 15) return dead(row);
    return dice < 17 ? returned(row) : undefined;
  }

  async #requeueOne(): Promise<void> {
    const { deadLetters } = this.#harness.storage.outbox;
    const [letter] = await deadLetters.list({ limit: 1 });
    if (letter !== undefined) await deadLetters.requeue([letter.envelope.id]);
  }

  /** A relay ends, and another takes its place. */
  async #replace(relay: Relay): Promise<void> {
    await relay.session[Symbol.asyncDispose]();
    relay.session = (await this.#harness.open()).outbox.open(SESSION);
    relay.rows = [];
  }

  /** All relays are silent for too long; what they had may not be settled by them any more. */
  async #loseLeases(): Promise<void> {
    if (this.#random(3) > 0) return;
    await this.#harness.advance(LEASE_MS + 5_000);
    for (const relay of this.#relays) {
      if (relay.rows.length > 0) {
        const settled = await relay.session.settle(relay.rows.map(published)).then(
          () => true,
          () => false,
        );
        if (settled) throw new ConformanceError("settle() was done after the lease had ended");
      }
      await this.#replace(relay);
    }
  }

  #record(row: OutboxRow): void {
    this.#note(this.#published, row.envelope.key, textOf(row));
  }

  #note(to: Map<string, string[]>, key: string | undefined, text: string): void {
    const texts = to.get(key ?? "-");
    if (texts === undefined) to.set(key ?? "-", [text]);
    else texts.push(text);
  }
}

function historyCase(seed: number, relays: number): StorageCase {
  return {
    name: `read() and settle() keep every lane in order whatever happens to ${relays} sessions ` +
      `(history ${seed})`,
    run: async (harness) => {
      const storages = [];
      for (let n = 0; n < relays; n++) storages.push(await harness.open());
      const history = new History(harness, storages, seed);
      for (let n = 0; n < 150; n++) await history.step();
      await history.end();
    },
  };
}

/** Long histories, the same each time, of all that can become of messages. */
export const outboxHistoryCases: ReadonlyArray<StorageCase> = [1, 2, 3, 4].flatMap((seed) => [
  historyCase(seed, 1),
  historyCase(seed + 10, 3),
]);
