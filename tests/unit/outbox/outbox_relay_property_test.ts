import assert from "node:assert/strict";
import fc from "fast-check";
import type { Publisher, PublishResult } from "../../../src/broker/publisher.ts";
import { sleep } from "../../../src/clock.ts";
import { notification } from "../../../src/message/definition.ts";
import type { Envelope } from "../../../src/message/envelope.ts";
import { type } from "../../../src/message/schema.ts";
import { type OutboxRelay, outboxRelay } from "../../../src/outbox/outbox_relay.ts";
import { memoryStorage } from "../../../src/storage/memory/memory_storage.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";

const Noted = notification("noted", {
  topic: "t",
  data: type<{ key: string; n: number }>(),
  key: ({ key }) => key,
});

/** What a broker does with a call. */
type Mood = "takes all" | "refuses some" | "is down" | "takes all and is down then";

/** A broker whose mood changes from call to call, and that remembers what it has taken. */
class MoodyBroker implements Publisher {
  readonly keepsOrderOnFailure: boolean;
  readonly taken: Envelope[] = [];
  readonly #moods: Mood[];
  /** Keys of which the broker refuses the next message. */
  readonly #refusals: string[];

  constructor(moods: readonly Mood[], refusals: readonly string[], keepsOrder: boolean) {
    this.#moods = [...moods];
    this.#refusals = [...refusals];
    this.keepsOrderOnFailure = keepsOrder;
  }

  async publish(messages: readonly Envelope[]): Promise<readonly PublishResult[]> {
    const mood = this.#moods.pop() ?? "takes all";
    await Promise.resolve();
    if (mood === "is down") throw new Error("Down");
    const refused = mood === "refuses some" ? this.#refusals.pop() : undefined;
    const results = messages.map((message): PublishResult => {
      if (message.key === refused) return { ok: false, error: new Error("Refused") };
      this.taken.push(message);
      return { ok: true };
    });
    if (mood === "takes all and is down then") throw new Error("Down");
    return results;
  }

  async [Symbol.asyncDispose]() {}
}

/** Ticks until nothing waits any more, whatever fails meanwhile. */
async function drain(relays: readonly OutboxRelay[], clock: ManualClock): Promise<void> {
  for (let round = 0; round < 200; round++) {
    await Promise.all(
      relays.map((relay) =>
        relay.tick({ budgetMs: 1_000 }).catch((error) => {
          assert.equal(Object(error).code, "broker_unavailable");
        })
      ),
    );
    await clock.advance(60_000);
  }
}

/** The numbers of each key, in the order in which they were taken for the first time. */
function firsts(taken: readonly Envelope[]): Map<string, number[]> {
  const seen = new Map<string, number[]>();
  for (const { body } of taken) {
    const { key, n } = JSON.parse(new TextDecoder().decode(body));
    const numbers = seen.get(key) ?? [];
    seen.set(key, numbers);
    if (!numbers.includes(n)) numbers.push(n);
  }
  return seen;
}

const moods = fc.constantFrom<Mood>(
  "takes all",
  "refuses some",
  "is down",
  "takes all and is down then",
);
const keys = fc.constantFrom("a", "b", "c", "d");

Deno.test("tick() loses nothing and keeps the order of each key, whatever the broker does", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(keys, { minLength: 1, maxLength: 40 }),
      fc.array(moods, { maxLength: 30 }),
      fc.array(keys, { maxLength: 30 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 3 }),
      async (stored, moods, refusals, keepsOrder, batchSize, relayCount) => {
        const clock = new ManualClock();
        const storage = memoryStorage({ clock });
        const expected = new Map<string, number[]>();
        for (const [n, key] of stored.entries()) {
          await storage.outbox.store([Noted({ key, n })]);
          expected.set(key, [...expected.get(key) ?? [], n]);
        }
        const broker = new MoodyBroker(moods, refusals, keepsOrder);
        const relays = Array.from({ length: relayCount }, () =>
          outboxRelay({
            storage,
            broker,
            batchSize,
            clock,
            retry: { maxAttempts: Infinity, backoff: () => 1_000 },
          }));
        await drain(relays, clock);
        assert.deepEqual(firsts(broker.taken), new Map(expected));
        assert.equal((await storage.outbox.statistics()).pending, 0);
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});

Deno.test("run() publishes each message once while the broker answers, with four relays at work", async () => {
  const clock = new ManualClock();
  const storage = memoryStorage({ clock });
  for (let n = 0; n < 2_000; n++) await storage.outbox.store([Noted({ key: `${n % 50}`, n })]);
  const broker = new MoodyBroker([], [], true);
  const slow: Publisher = {
    keepsOrderOnFailure: true,
    async publish(messages) {
      await sleep(clock, 1);
      return await broker.publish(messages);
    },
    async [Symbol.asyncDispose]() {},
  };
  const shares = [0, 0, 0, 0];
  const loops = shares.map((_, at) =>
    outboxRelay({ storage, broker: slow, batchSize: 10, clock }).run({
      intervalMs: 1,
      budgetMs: 0,
      onReport: ({ published }) => shares[at] = (shares[at] ?? 0) + published,
    })
  );
  while ((await storage.outbox.statistics()).pending > 0) await clock.advance(1);
  for (const loop of loops) await loop[Symbol.asyncDispose]();
  assert.equal(broker.taken.length, 2_000);
  assert.equal(new Set(broker.taken.map(({ id }) => id)).size, 2_000);
  assert.ok(shares.every((share) => share > 200), `The shares are ${shares}`);
});
