import { expectSame } from "./conformance_case.ts";
import {
  dead,
  drain,
  expectError,
  failed,
  held,
  message,
  messages,
  outcomes,
  published,
  readAll,
  rejection,
  RETRY_MS,
  SESSION,
  type StorageCase,
  storeEach,
} from "./storage_steps.ts";

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
        b1: failed,
        c1: published,
        "-1": (row) => dead(row),
        "-2": failed,
        d1: (row) => dead(row, { continues: true }),
      }));
      await expectStatistics("Settled", [3, 1, 1, 3]);
      await storage.outbox.store(messages("a3 d2"));
      await expectStatistics("More stored", [5, 1, 1, 3]);
      await advance(RETRY_MS + 1_000);
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
  {
    name: "statistics() refuses numbers that are out of their range",
    run: async ({ storage: { outbox } }) => {
      for (const maxCount of [0, -1, 1.5, NaN]) {
        const counting = outbox.statistics({ maxCount });
        await expectError(`statistics() up to ${maxCount}`, counting, RangeError);
      }
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

/** How an outbox must tell what it holds, and wake who waits. */
export const outboxStatisticsCases: ReadonlyArray<StorageCase> = [...statisticsCases, ...wakeCases];
