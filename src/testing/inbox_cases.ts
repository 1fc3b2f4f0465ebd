import type { Envelope } from "../message/mod.ts";
import type { InboxClaim, Storage } from "../storage/mod.ts";
import { expectSame } from "./conformance_case.ts";
import type { StorageCase } from "./storage_steps.ts";

const encoder = new TextEncoder();

/** Records in a transaction of its own. */
function record(storage: Storage, consumer: string, ids: readonly string[]) {
  return storage.transaction((tx) => storage.inbox.record(tx, consumer, ids));
}

/** How often messages were begun before, or that they are handled. */
async function begin(storage: Storage, consumer: string, ids: readonly string[]) {
  const starts = await storage.inbox.begin(consumer, ids);
  return starts.map(({ isHandled, starts }) => isHandled ? "handled" : starts);
}

function letterOf(id: string, topic = "notes"): Envelope {
  return {
    id,
    type: "noted",
    topic,
    source: "/cases",
    time: new Date("2026-11-28T12:34:56.789Z"),
    key: "größe",
    correlationId: "conversation",
    contentType: "text/plain",
    headers: { "x-tenant": "größe 🔑" },
    body: new Uint8Array([0, 1, 255]),
  };
}

function bury(storage: Storage, consumer: string, id: string) {
  return storage.transaction((tx) =>
    storage.inbox.bury(tx, { consumer, envelope: letterOf(id), attempts: 3, error: `no ${id}` })
  );
}

async function idsOf(storage: Storage, filter = {}): Promise<readonly string[]> {
  const letters = await storage.inbox.deadLetters.list(filter);
  return letters.map(({ envelope }) => envelope.id);
}

const recordCases: readonly StorageCase[] = [
  {
    name: "record() tells what was handled before, by consumer, and within one call",
    async run({ storage }) {
      expectSame("The first time", await record(storage, "a", ["1", "2", "1"]), [
        true,
        true,
        false,
      ]);
      expectSame("The next", await record(storage, "a", ["2", "3"]), [false, true]);
      expectSame("Another consumer", await record(storage, "b", ["1"]), [true]);
      expectSame("Nothing", await record(storage, "a", []), []);
    },
  },
  {
    name: "record() takes part in its transaction",
    async run(harness) {
      const { storage } = harness;
      await storage.transaction(async (tx) => {
        await storage.inbox.record(tx, "a", ["1"]);
        await harness.put(tx, "name", "value");
        throw new Error("No");
      }).catch(() => {});
      expectSame("After a rollback", await record(storage, "a", ["1"]), [true]);
      await storage.transaction(async (tx) => {
        expectSame("Of its own", await storage.inbox.record(tx, "a", ["2"]), [true]);
        expectSame("Of its own, once more", await storage.inbox.record(tx, "a", ["2"]), [false]);
        await harness.put(tx, "name", "value");
      });
      expectSame("The application's own", await harness.get("name"), "value");
      expectSame("After a commit", await record(storage, "a", ["2"]), [false]);
    },
  },
  {
    name: "record() of one message in two transactions lets one take effect",
    needs: "concurrency",
    async run(harness) {
      const other = await harness.open();
      const isRecorded = Promise.withResolvers<void>();
      const isAsked = Promise.withResolvers<void>();
      const handle = (storage: Storage, name: string, wait?: Promise<void>) =>
        storage.transaction(async (tx) => {
          const asked = storage.inbox.record(tx, "a", ["1"]);
          if (wait === undefined) isAsked.resolve();
          const [isNew] = await asked;
          if (wait !== undefined) isRecorded.resolve();
          await wait;
          return isNew ? name : "duplicate";
        }).catch((error) => (error as { code?: string }).code ?? String(error));
      const first = handle(harness.storage, "first", isAsked.promise);
      await isRecorded.promise;
      const second = handle(other, "second");
      const outcomes = await Promise.all([first, second]);
      const done = outcomes.filter((outcome) => outcome === "first" || outcome === "second");
      expectSame("How many were handled", done.length, 1);
      const lost = outcomes.find((outcome) => outcome !== done[0]);
      expectSame("The other", ["duplicate", "concurrency"].includes(String(lost)), true);
      expectSame("After that", await record(other, "a", ["1"]), [false]);
    },
  },
  {
    name: "record() takes whatever ids there are",
    async run({ storage }) {
      const ids = ["", "größe 🔑", "a/b", "x".repeat(400), "'", "\\", '"'];
      const isNew = ids.map(() => true);
      expectSame("The first time", await record(storage, "konsument ü", ids), isNew);
      expectSame("The next", await record(storage, "konsument ü", ids), ids.map(() => false));
    },
  },
];

const startCases: readonly StorageCase[] = [
  {
    name: "begin() counts what is begun for the first time, and tells of what was begun before",
    async run(harness) {
      const { storage } = harness;
      expectSame("The first time", await begin(storage, "a", ["1", "2"]), [0, 0]);
      const other = await harness.open();
      expectSame("After a crash", await begin(other, "a", ["2", "3", "1"]), [1, 0, 1]);
      await other.inbox.beginAgain("a", "1");
      expectSame("After another", await begin(storage, "a", ["1", "2", "3"]), [2, 1, 1]);
      expectSame("Another consumer", await begin(storage, "b", ["1"]), [0]);
      expectSame("Nothing", await begin(storage, "a", []), []);
    },
  },
  {
    name: "begin() tells what was handled, begun or not",
    async run({ storage }) {
      await begin(storage, "a", ["1"]);
      expectSame("What was begun", await record(storage, "a", ["1", "2"]), [true, true]);
      expectSame("What was handled", await begin(storage, "a", ["1", "2", "3"]), [
        "handled",
        "handled",
        0,
      ]);
      await storage.inbox.beginAgain("a", "1");
      await storage.inbox.release("a", ["1", "2"]);
      expectSame("And is", await begin(storage, "a", ["1", "2"]), ["handled", "handled"]);
    },
  },
  {
    name: "release() undoes what was begun last",
    async run({ storage }) {
      await begin(storage, "a", ["1", "2"]);
      await storage.inbox.beginAgain("a", "2");
      await storage.inbox.release("a", ["1", "2", "3"]);
      expectSame("What is left", await begin(storage, "a", ["1", "2", "3"]), [0, 1, 0]);
    },
  },
];

const deadLetterCases: readonly StorageCase[] = [
  {
    name: "bury() keeps a message as it is, with its reason, if its transaction commits",
    async run({ storage }) {
      await storage.transaction(async (tx) => {
        const letter = { consumer: "a", envelope: letterOf("0"), attempts: 1, error: "no" };
        await storage.inbox.bury(tx, letter);
        throw new Error("No");
      }).catch(() => {});
      await bury(storage, "a", "1");
      const letters = await storage.inbox.deadLetters.list();
      const [letter] = letters;
      expectSame("How many there are", letters.length, 1);
      const { time, body, ...rest } = letter?.envelope ?? letterOf("none");
      const { time: _time, body: _body, ...wanted } = letterOf("1");
      expectSame("The message", rest, wanted);
      expectSame("Its time", time.toISOString(), "2026-11-28T12:34:56.789Z");
      expectSame("Its body", [...body], [0, 1, 255]);
      expectSame("The consumer", letter?.consumer, "a");
      expectSame("The reason", [letter?.attempts, letter?.error], [3, "no 1"]);
    },
  },
  {
    name: "deadLetters.list() gives the oldest first, by consumer, a page at a time",
    async run({ storage }) {
      for (const [n, consumer] of ["a", "b", "a", "a"].entries()) {
        await bury(storage, consumer, String(n));
      }
      expectSame("All", await idsOf(storage), ["0", "1", "2", "3"]);
      expectSame("Of one", await idsOf(storage, { consumer: "a" }), ["0", "2", "3"]);
      expectSame("A page", await idsOf(storage, { consumer: "a", limit: 2 }), ["0", "2"]);
      const letters = await storage.inbox.deadLetters.list({ consumer: "a", limit: 2 });
      const after = letters.at(-1)?.position;
      await storage.inbox.deadLetters.discard("a", ["2"]);
      expectSame("The next", await idsOf(storage, { consumer: "a", after }), ["3"]);
      for (const limit of [0, 1_001, 1.5]) {
        const error = await idsOf(storage, { limit }).catch((error) => error);
        expectSame(`A limit of ${limit}`, error instanceof RangeError, true);
      }
    },
  },
  {
    name: "deadLetters.discard() deletes those of one consumer, and tells how many",
    async run({ storage }) {
      for (const consumer of ["a", "b"]) await bury(storage, consumer, "1");
      await bury(storage, "a", "2");
      const { deadLetters } = storage.inbox;
      expectSame("How many", await deadLetters.discard("a", ["1", "2", "3"]), 2);
      expectSame("What is left", await idsOf(storage), ["1"]);
      expectSame("How many then", await deadLetters.discard("a", ["1"]), 0);
      expectSame("Nothing", await deadLetters.discard("a", []), 0);
    },
  },
  {
    name: "deadLetters.take() takes one out as a part of a transaction",
    async run({ storage }) {
      await bury(storage, "a", "1");
      const { deadLetters } = storage.inbox;
      const take = (fails: boolean) =>
        storage.transaction(async (tx) => {
          const taken = await deadLetters.take(tx, "a", "1");
          if (fails) throw new Error("No");
          return taken?.envelope.id;
        }).catch(() => "rolled back");
      expectSame("When it fails", await take(true), "rolled back");
      expectSame("After that", await idsOf(storage), ["1"]);
      expectSame("When it commits", await take(false), "1");
      expectSame("After that", await idsOf(storage), []);
      expectSame("Once more", await take(false), undefined);
    },
  },
  {
    name: "statistics() counts dead letters, and tells since when there are some",
    async run(harness) {
      const { inbox } = harness.storage;
      const none = { deadLetters: 0, oldestDeadLetterAt: undefined };
      expectSame("None", await inbox.statistics(), none);
      await bury(harness.storage, "a", "1");
      const [letter] = await inbox.deadLetters.list();
      await bury(harness.storage, "b", "2");
      const { deadLetters, oldestDeadLetterAt } = await inbox.statistics();
      expectSame("How many", deadLetters, 2);
      expectSame("Since when", oldestDeadLetterAt?.getTime(), letter?.diedAt.getTime());
      expectSame("At the most", (await inbox.statistics({ maxCount: 1 })).deadLetters, 1);
    },
  },
];

const LEASE_MS = 30_000;

function claim(storage: Storage, owner: string, fingerprint = "one"): Promise<InboxClaim> {
  return storage.inbox.claim("orders", "key 1", { fingerprint, owner, leaseMs: LEASE_MS });
}

async function stateOf(claimed: Promise<InboxClaim>): Promise<string> {
  return (await claimed).state;
}

function complete(storage: Storage, owner: string, text = "answer"): Promise<boolean> {
  const done = { owner, answer: encoder.encode(text) };
  return storage.inbox.complete(undefined, "orders", "key 1", done);
}

const claimCases: readonly StorageCase[] = [
  {
    name:
      "claim() lets one in, tells the others for how long, and gives the answer when it is there",
    async run({ storage }) {
      expectSame("The first", await stateOf(claim(storage, "a")), "claimed");
      const second = await claim(storage, "b");
      const leftMs = second.state === "running" ? second.leftMs : NaN;
      expectSame("How long", leftMs > 0 && leftMs <= LEASE_MS, true);
      expectSame("Another payload", await stateOf(claim(storage, "b", "two")), "mismatch");
      expectSame("Whether it is completed", await complete(storage, "a"), true);
      const third = await claim(storage, "b");
      const answer = third.state === "done" ? new TextDecoder().decode(third.answer) : third.state;
      expectSame("The answer", answer, "answer");
      expectSame("Another payload then", await stateOf(claim(storage, "b", "two")), "mismatch");
      const other = { fingerprint: "two", owner: "b", leaseMs: LEASE_MS };
      const elsewhere = await storage.inbox.claim("refunds", "key 1", other);
      expectSame("The same key elsewhere", elsewhere.state, "claimed");
    },
  },
  {
    name: "claim() lets the next one in when the claim was given up, or its time is over",
    async run(harness) {
      const { storage } = harness;
      await claim(storage, "a");
      await storage.inbox.abandon("orders", "key 1", "somebody else");
      expectSame("Given up by another", await stateOf(claim(storage, "b")), "running");
      await storage.inbox.abandon("orders", "key 1", "a");
      expectSame("Given up", await stateOf(claim(storage, "b")), "claimed");
      await harness.advance(LEASE_MS + 5_000);
      expectSame("Over", await stateOf(claim(storage, "c")), "claimed");
      expectSame("Whether it may come late", await complete(storage, "b"), false);
      expectSame("Whether the new one may", await complete(storage, "c"), true);
      await storage.inbox.abandon("orders", "key 1", "c");
      expectSame("After that", await stateOf(claim(storage, "d")), "done");
    },
  },
  {
    name: "complete() takes part in a transaction",
    async run({ storage }) {
      await claim(storage, "a");
      const done = { owner: "a", answer: new Uint8Array([0, 255]) };
      const inTransaction = (fails: boolean) =>
        storage.transaction(async (tx) => {
          const isDone = await storage.inbox.complete(tx, "orders", "key 1", done);
          if (fails) throw new Error("No");
          return isDone;
        }).catch(() => "rolled back");
      expectSame("A rollback", await inTransaction(true), "rolled back");
      expectSame("After it", await stateOf(claim(storage, "b")), "running");
      expectSame("A commit", await inTransaction(false), true);
      const after = await claim(storage, "b");
      expectSame("The answer", after.state === "done" ? [...after.answer] : after, [0, 255]);
    },
  },
  {
    name: "claim() refuses a lease that makes no sense",
    async run({ storage }) {
      for (const leaseMs of [0, -1, NaN, Infinity]) {
        const options = { fingerprint: "one", owner: "a", leaseMs };
        const error = await storage.inbox.claim("orders", "key 1", options).catch((error) => error);
        expectSame(`A lease of ${leaseMs} ms`, error instanceof RangeError, true);
      }
    },
  },
];

const purgeCases: readonly StorageCase[] = [
  {
    name: "purge() deletes what is old enough, so many at a time, and no dead letters",
    async run(harness) {
      const { storage } = harness;
      await bury(storage, "a", "dead");
      await record(storage, "a", ["1", "2"]);
      await begin(storage, "a", ["3"]);
      await claim(storage, "a");
      await complete(storage, "a");
      await harness.advance(60_000);
      await record(storage, "a", ["4"]);
      const purge = (limit: number) => storage.inbox.purge({ olderThanMs: 30_000, limit });
      expectSame("Some", await purge(3), 3);
      expectSame("The rest", await purge(3), 1);
      expectSame("None", await purge(3), 0);
      expectSame("What is left", await record(storage, "a", ["4", "1"]), [false, true]);
      expectSame("The key", await stateOf(claim(storage, "b", "two")), "claimed");
      expectSame("The dead letters", await idsOf(storage), ["dead"]);
    },
  },
  {
    name: "purge() of the inbox refuses numbers that make no sense",
    async run({ storage }) {
      for (const options of [{ olderThanMs: -1 }, { olderThanMs: 0, limit: 0 }]) {
        const error = await storage.inbox.purge(options).catch((error) => error);
        expectSame(JSON.stringify(options), error instanceof RangeError, true);
      }
    },
  },
];

/** What the inbox of every storage must do. */
export const inboxCases: readonly StorageCase[] = [
  ...recordCases,
  ...startCases,
  ...deadLetterCases,
  ...claimCases,
  ...purgeCases,
];
