import { expectSame } from "./conformance_case.ts";
import {
  dead,
  drain,
  expectError,
  expectRows,
  failed,
  held,
  messages,
  outcomes,
  published,
  readAll,
  SESSION,
  type StorageCase,
  storeEach,
} from "./storage_steps.ts";

/** What {@linkcode OutboxStore.purge} must delete, and what not. */
export const outboxRetentionCases: ReadonlyArray<StorageCase> = [
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
      expectSame("Once more", await outbox.purge({ olderThanMs: 30_000.5 }), 0);
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
        await advance(50_000);
      }
      // They were published about 250, 200, 150, 100 and 50 seconds ago.
      expectSame("Two of all", await outbox.purge({ olderThanMs: 0, limit: 2 }), 2);
      expectSame("What is older", await outbox.purge({ olderThanMs: 175_000 }), 0);
      expectSame("One more", await outbox.purge({ olderThanMs: 125_000, limit: 10 }), 1);
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
        b1: failed,
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
  {
    name: "purge() refuses numbers that are out of their range",
    run: async ({ storage: { outbox } }) => {
      for (const olderThanMs of [-1, NaN, Infinity]) {
        await expectError(`purge() of ${olderThanMs}`, outbox.purge({ olderThanMs }), RangeError);
      }
      for (const limit of [0, -1, 1.5, NaN, Infinity]) {
        const purging = outbox.purge({ olderThanMs: 0, limit });
        await expectError(`purge() of up to ${limit}`, purging, RangeError);
      }
    },
  },
];
