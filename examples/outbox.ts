/**
 * The outbox: what a handler writes and what it publishes commit together, and a relay sees to it
 * that the broker gets all of it, in the order of its keys.
 *
 * The storage is in memory here. On Postgres or Deno KV only the line that creates it is another;
 * see postgres/outbox.ts and outbox_deno_kv.ts.
 *
 * Run it: deno run examples/outbox.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  command,
  type Envelope,
  handlers,
  memoryBroker,
  notification,
  type Publisher,
} from "@sluice/cqrs";
import { outboxHealth, outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import { z } from "zod";

const movement = z.object({ account: z.string(), amount: z.number() });
const Move = command("account.move", movement);
const Moved = notification("account.moved", {
  topic: "account_events",
  data: movement,
  key: ({ account }) => account, // the order is kept for each account
});
const BalanceChanged = notification("account.balance", {
  topic: "account_states",
  data: z.object({ account: z.string(), balance: z.number() }),
  key: ({ account }) => account,
});

// What is told here is refused by the outbox if it is anything else.
const storage = memoryStorage({ notifications: [Moved, BalanceChanged] });

const accounts = handlers().use(transactional(storage)).on(
  Move,
  async ({ account, amount }, { tx, emit }) => {
    const before = await tx.client.get(account);
    const balance = (typeof before === "number" ? before : 0) + amount;
    tx.client.set(account, balance);
    emit(Moved({ account, amount }), BalanceChanged({ account, balance }));
    if (balance < 0) throw new RangeError(`${account} cannot have ${balance}`);
  },
);
const app = bootstrap(accounts);

await app.send(Move({ account: "ada", amount: 50 }));
await app.send(Move({ account: "bob", amount: 20 }));
await app.send(Move({ account: "ada", amount: -70 })).catch((error) => {
  console.log(`Nothing is written, and nothing is published: ${error.message}`);
});
await app.send(Move({ account: "ada", amount: -10 }));
console.log(`Stored: ${(await storage.outbox.statistics()).pending} messages`);

// A broker that takes nothing of bob for a while.
const broker = memoryBroker();
let isBobRefused = true;
const moody: Publisher = {
  keepsOrderOnFailure: true,
  async publish(messages: readonly Envelope[], options) {
    const taken = messages.filter(({ key }) => !isBobRefused || key !== "bob");
    await broker.publish(taken, options);
    return messages.map((message) =>
      taken.includes(message) ? { ok: true } : { ok: false, error: new Error("No bob, please") }
    );
  },
  async [Symbol.asyncDispose]() {},
};

const relay = outboxRelay({
  storage,
  broker: moody,
  topics: ["account_events"], // another relay has the other topic
  retry: { maxAttempts: 2, backoff: () => 0 }, // in earnest: ten attempts, and longer and longer delays
  observer: (event) => {
    if (event.type === "publish_failed") {
      console.log(
        `  refused, attempt ${event.attempt}: ${event.envelope.type} of ${event.envelope.key}`,
      );
    } else if (event.type === "dead_lettered") {
      console.log(`  given up: ${event.envelope.type} of ${event.envelope.key}`);
    }
  },
});

/** What the broker has of a topic. */
function show(topic: string): void {
  for (const { type, key, body } of broker.messages(topic)) {
    console.log(`  ${topic}: ${type} of ${key} ${new TextDecoder().decode(body)}`);
  }
}

// Any number of relays can do this: from a cron, a route, behind a response, or in a loop.
console.log("The relay publishes");
console.log(" ", JSON.stringify(await relay.tick({ budgetMs: 10_000 })));
show("account_events");

console.log("Bob goes on, but his key is parked behind the dead letter");
await app.send(Move({ account: "bob", amount: 5 }));
console.log(" ", JSON.stringify(await relay.tick({ budgetMs: 10_000 })));
const dead = await storage.outbox.deadLetters.list();
for (const { envelope, attempts, error } of dead) {
  console.log(`  dead after ${attempts} attempts: ${envelope.type} of ${envelope.key}: ${error}`);
}
await outboxHealth(storage, { maxParkedKeys: 0 })().catch((error) => {
  console.log(`  the health check: ${error.name}`);
});

console.log("Somebody has looked after it, and puts it back");
isBobRefused = false;
await storage.outbox.deadLetters.requeue(dead.map(({ envelope }) => envelope.id));
await relay.tick({ budgetMs: 10_000 });
show("account_events");

console.log("The relay of the other topic runs until it is told to stop");
const all = Promise.withResolvers<void>();
const states = outboxRelay({
  storage,
  broker,
  topics: ["account_states"],
  observer: () => broker.messages("account_states").length === 4 && all.resolve(),
});
const running = states.run();
await all.promise;
await running[Symbol.asyncDispose]();
show("account_states");
