import { expectSame } from "./conformance_case.ts";
import {
  dead,
  drain,
  expectRows,
  failed,
  held,
  message,
  messages,
  outcomes,
  published,
  readAll,
  rejection,
  SESSION,
  type StorageCase,
  storeEach,
} from "./storage_steps.ts";

const retentionCases: StorageCase[] = [
  {
    name: "purge() finds nothing where published messages are not kept",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2");
      await drain(storage.outbox.open(SESSION));
      expectSame("What was deleted", await storage.outbox.purge({ olderThanMs: 0 }), 0);
    },
  },
  {
    name: "purge() deletes what was published long enough ago, however long it has been stored",
    run: async ({ open, advance }) => {
      const { outbox } = await open({ keepPublished: true });
      await outbox.store(messages("a1 b1"));
      const session = outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(rows.filter(({ lane }) => lane === rows[0]?.lane).map(published));
      await advance(40_000);
      await session.settle(rows.filter(({ lane }) => lane !== rows[0]?.lane).map(published));
      expectSame("Older than a minute", await outbox.purge({ olderThanMs: 60_000 }), 0);
      expectSame("Older than 30 seconds", await outbox.purge({ olderThanMs: 30_000 }), 1);
      expectSame("Once more", await outbox.purge({ olderThanMs: 30_000 }), 0);
      await advance(40_000);
      expectSame("Later", await outbox.purge({ olderThanMs: 30_000 }), 1);
      expectSame("All", await outbox.purge({ olderThanMs: 0 }), 0);
    },
  },
  {
    name: "purge() deletes at most as many as it is told, the oldest first",
    run: async ({ open, advance }) => {
      const { outbox } = await open({ keepPublished: true });
      const session = outbox.open(SESSION);
      for (const text of ["a1", "b1", "c1", "a2", "b2"]) {
        await outbox.store(messages(text));
        await drain(session);
        await advance(10_000);
      }
      // They were published about 50, 40, 30, 20 and 10 seconds ago.
      expectSame("Two of all", await outbox.purge({ olderThanMs: 0, limit: 2 }), 2);
      expectSame("What is older", await outbox.purge({ olderThanMs: 35_000 }), 0);
      expectSame("One more", await outbox.purge({ olderThanMs: 25_000, limit: 10 }), 1);
      expectSame("The rest", await outbox.purge({ olderThanMs: 0 }), 2);
    },
  },
  {
    name: "purge() leaves what is not published: pending, waiting, parked and dead",
    run: async ({ open, advance }) => {
      const storage = await open({ keepPublished: true });
      const { outbox } = storage;
      await storeEach(storage, "a1 b1 b2 c1 c2 d1 -1");
      const session = outbox.open(SESSION);
      await session.settle(outcomes(await readAll(session), {
        a1: published,
        b1: (row) => failed(row, 1_000),
        b2: held,
        c1: (row) => dead(row),
        c2: held,
        d1: held,
        "-1": published,
      }));
      await advance(100_000);
      expectSame("What was deleted", await outbox.purge({ olderThanMs: 0 }), 2);
      const { pending, deadLetters } = await outbox.statistics();
      expectSame("What is left", { pending, deadLetters }, { pending: 4, deadLetters: 1 });
      await outbox.deadLetters.requeue(["c1"]);
      expectSame("What is published", (await drain(outbox.open(SESSION))).length, 5);
    },
  },
  {
    name: "purge() deletes what is kept, also through a storage that keeps nothing itself",
    run: async ({ storage, open }) => {
      const keeping = await open({ keepPublished: true });
      await storeEach(storage, "a1 b1");
      const session = keeping.outbox.open(SESSION);
      await drain(session);
      await session[Symbol.asyncDispose]();
      expectSame("What was deleted", await storage.outbox.purge({ olderThanMs: 0 }), 2);
    },
  },
  {
    name: "published messages that are kept are in no statistics and never read again",
    run: async ({ open }) => {
      const { outbox } = await open({ keepPublished: true });
      await outbox.store(messages("a1 a2 -1"));
      const session = outbox.open(SESSION);
      await drain(session);
      const { pending, oldestAgeMs } = await outbox.statistics();
      expectSame("What there is", { pending, oldestAgeMs }, { pending: 0, oldestAgeMs: undefined });
      await session[Symbol.asyncDispose]();
      await outbox.store(messages("a3"));
      await expectRows((await open()).outbox.open(SESSION), { a: "a3" });
    },
  },
];

const statisticsCases: StorageCase[] = [
  {
    name: "statistics() of an empty outbox has nothing in it",
    run: async ({ storage }) => {
      expectSame("The statistics", await storage.outbox.statistics(), {
        pending: 0,
        oldestAgeMs: undefined,
        waitingKeys: 0,
        parkedKeys: 0,
        deadLetters: 0,
      });
    },
  },
  {
    name: "statistics() follows what becomes of messages",
    run: async ({ storage, advance }) => {
      const expectStatistics = async (when: string, expected: readonly number[]) => {
        const { pending, waitingKeys, parkedKeys, deadLetters } = await storage.outbox.statistics();
        expectSame(when, [pending, waitingKeys, parkedKeys, deadLetters], expected);
      };
      await storeEach(storage, "a1 a2 b1 c1 -1 -2 d1");
      await expectStatistics("Stored", [7, 0, 0, 0]);
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await expectStatistics("Read", [7, 0, 0, 0]);
      await session.settle(outcomes(rows, {
        a1: (row) => dead(row),
        a2: held,
        b1: (row) => failed(row, 20_000),
        c1: published,
        "-1": (row) => dead(row),
        "-2": (row) => failed(row, 20_000),
        d1: (row) => dead(row, { continues: true }),
      }));
      await expectStatistics("Settled", [3, 1, 1, 3]);
      await storage.outbox.store(messages("a3 d2"));
      await expectStatistics("More stored", [5, 1, 1, 3]);
      await advance(21_000);
      await expectStatistics("Waited", [5, 0, 1, 3]);
      await storage.outbox.deadLetters.requeue(["a1"]);
      await expectStatistics("Requeued", [6, 0, 0, 2]);
      await storage.outbox.deadLetters.discard(["-1", "d1"]);
      await expectStatistics("Discarded", [6, 0, 0, 0]);
      await drain(session);
      await expectStatistics("Published", [0, 0, 0, 0]);
    },
  },
  {
    name: "statistics() tells how long the oldest message has been stored",
    run: async ({ storage, advance }) => {
      const expectAge = async (when: string, fromMs: number) => {
        const { oldestAgeMs = -1 } = await storage.outbox.statistics();
        // What the case itself takes counts where time is real.
        const isRight = oldestAgeMs >= fromMs && oldestAgeMs < fromMs + 20_000;
        expectSame(`${when}: whether ${oldestAgeMs} is about ${fromMs}`, isRight, true);
      };
      await storage.outbox.store([message("a1", { time: new Date(0) })]);
      await expectAge("At once", 0);
      await advance(40_000);
      await storage.outbox.store(messages("b1"));
      await expectAge("Later", 40_000);
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(outcomes(rows, { a1: published, b1: held }));
      await expectAge("Without the oldest", 0);
      await advance(40_000);
      await expectAge("Later still", 40_000);
      await drain(session);
      const { oldestAgeMs } = await storage.outbox.statistics();
      expectSame("Without any", oldestAgeMs, undefined);
    },
  },
  {
    name: "statistics() counts as far as it is told",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 b1 c1 d1 e1");
      const counts = async (maxCount: number) => {
        const { pending, deadLetters } = await storage.outbox.statistics({ maxCount });
        return [pending, deadLetters];
      };
      expectSame("Up to three", await counts(3), [3, 0]);
      expectSame("Up to five", await counts(5), [5, 0]);
      expectSame("All", await counts(Infinity), [5, 0]);
      const session = storage.outbox.open(SESSION);
      await session.settle((await readAll(session)).map((row) => dead(row)));
      expectSame("Dead ones up to three", await counts(3), [0, 3]);
      expectSame("All dead ones", await counts(Infinity), [0, 5]);
    },
  },
];

const wakeCases: StorageCase[] = [
  {
    name: "subscribe() calls after each commit of the storage with messages in it",
    run: async ({ storage }) => {
      let calls = 0;
      let seen = -1;
      const subscription = await storage.outbox.subscribe(() => calls++);
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, messages("a1"));
        seen = calls;
      });
      expectSame("Calls before the commit", seen, 0);
      expectSame("Whether it was called after it", calls > 0, true);
      const before = calls;
      await storage.outbox.store(messages("a2"));
      expectSame("Whether store() called it", calls > before, true);
      await subscription[Symbol.asyncDispose]();
    },
  },
  {
    name: "subscribe() does not call for what is rolled back",
    run: async ({ storage }) => {
      let calls = 0;
      const subscription = await storage.outbox.subscribe(() => calls++);
      await rejection(
        "The run",
        storage.transaction(async (tx) => {
          await storage.outbox.append(tx, messages("a1"));
          throw new Error("Changed my mind");
        }),
      );
      expectSame("The calls", calls, 0);
      await subscription[Symbol.asyncDispose]();
    },
  },
  {
    name: "wake() calls all who subscribed, until they are disposed",
    run: async ({ storage }) => {
      const calls = [0, 0];
      const first = await storage.outbox.subscribe(() => calls[0] = (calls[0] ?? 0) + 1);
      const second = await storage.outbox.subscribe(() => calls[1] = (calls[1] ?? 0) + 1);
      await storage.outbox.wake();
      expectSame("Who was called", calls.map((count) => count > 0), [true, true]);
      await first[Symbol.asyncDispose]();
      const [before] = calls;
      const [, other = 0] = calls;
      await storage.outbox.wake();
      await storage.outbox.store(messages("a1"));
      expectSame("The calls of the one that was disposed", calls[0], before);
      expectSame("Whether the other was called", (calls[1] ?? 0) > other, true);
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  },
  {
    name: "subscribe() calls when dead letters are put back or let their lanes go on",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 b1");
      const session = storage.outbox.open(SESSION);
      await session.settle((await readAll(session)).map((row) => dead(row)));
      let calls = 0;
      const subscription = await storage.outbox.subscribe(() => calls++);
      await storage.outbox.deadLetters.requeue(["a1"]);
      expectSame("Whether requeue() called it", calls > 0, true);
      const before = calls;
      await storage.outbox.deadLetters.discard(["b1"]);
      expectSame("Whether discard() called it", calls > before, true);
      await subscription[Symbol.asyncDispose]();
    },
  },
];

/** How an outbox must tell what it holds, wake who waits, and delete what was kept. */
export const outboxUpkeepCases: ReadonlyArray<StorageCase> = [
  ...retentionCases,
  ...statisticsCases,
  ...wakeCases,
];
