import type { OutboxRow, OutboxSession } from "../storage/mod.ts";
import { ConformanceError, expectSame } from "./conformance_case.ts";
import type { StorageHarness } from "./storage_harness.ts";
import {
  backlog,
  drain,
  expectAll,
  expectRows,
  inLanes,
  message,
  published,
  SESSION,
  type StorageCase,
  storeMany,
} from "./storage_steps.ts";

/** The sessions of several processes. */
function openSessions(harness: StorageHarness, count: number): Promise<OutboxSession[]> {
  return Promise.all(
    Array.from({ length: count }, async () => (await harness.open()).outbox.open(SESSION)),
  );
}

/** So many that every partition has some. */
const LANES = 40;

/** Lets sessions work at the same time until all is published; what they published, in that order. */
async function work(sessions: readonly OutboxSession[], total: number): Promise<OutboxRow[]> {
  const done: OutboxRow[] = [];
  await Promise.all(sessions.map(async (session) => {
    for (let round = 0; done.length < total; round++) {
      if (round > 5_000) throw new ConformanceError(`Only ${done.length} of ${total} were read`);
      const rows = await session.read(10);
      await session.settle(rows.map(published));
      done.push(...rows);
    }
  }));
  return done;
}

function concurrentCase(count: number, word: string): StorageCase {
  return {
    name: `read() gives each row to one session when ${word} work at the same time`,
    run: async (harness) => {
      const all = backlog(400, LANES);
      await storeMany(harness.storage, all);
      expectAll(await work(await openSessions(harness, count), all.length), all);
    },
  };
}

const sharingCases: StorageCase[] = [
  concurrentCase(2, "two"),
  concurrentCase(4, "four"),
  {
    name: "read() gives no row to one session that another has not settled",
    run: async (harness) => {
      const all = backlog(120, LANES);
      await storeMany(harness.storage, all);
      const sessions = await openSessions(harness, 3);
      const taken = sessions.map((session) => ({ session, rows: [] as OutboxRow[] }));
      for (let round = 0; round < 4; round++) {
        for (const { session, rows } of taken) rows.push(...await session.read(20));
      }
      const rows = taken.flatMap((each) => each.rows);
      const ids = new Set(rows.map(({ envelope }) => envelope.id));
      expectSame("How many different rows were read", ids.size, rows.length);
      for (const each of taken) await each.session.settle(each.rows.map(published));
      for (const session of sessions) rows.push(...await drain(session));
      for (const session of sessions) rows.push(...await drain(session));
      expectAll(rows, all);
    },
  },
  {
    name: "read() leaves a share to a session that comes later, and lanes keep their order",
    run: async (harness) => {
      const all = backlog(500, LANES);
      await storeMany(harness.storage, all);
      const [first, second] = await openSessions(harness, 2) as [OutboxSession, OutboxSession];
      const done: OutboxRow[] = [];
      const counts = [0, 0];
      for (let round = 0; round < 60; round++) {
        for (const [n, session] of [first, second].entries()) {
          if (n === 1 && round < 3) continue;
          const rows = await session.read(5);
          await session.settle(rows.map(published));
          done.push(...rows);
          if (round >= 20 && round < 40) counts[n] = (counts[n] ?? 0) + rows.length;
        }
      }
      const [one = 0, other = 0] = counts;
      expectSame("Whether each has a share", one >= 50 && other >= 50, true);
      for (const session of [first, second]) done.push(...await drain(session));
      expectAll(done, all);
    },
  },
  {
    name: "read() leaves a share to others also while it reads ahead",
    run: async (harness) => {
      // So few lanes that the first session always has rows of each.
      const all = backlog(700, 6).filter(({ key }) => key !== undefined);
      await storeMany(harness.storage, all);
      const [first, second] = await openSessions(harness, 2) as [OutboxSession, OutboxSession];
      const done: OutboxRow[] = [];
      let ahead = await first.read(24);
      let share = 0;
      for (let round = 0; round < 20; round++) {
        const next = await first.read(24);
        await first.settle(ahead.map(published));
        done.push(...ahead);
        ahead = next;
        const rows = await second.read(1);
        await second.settle(rows.map(published));
        done.push(...rows);
        share += rows.length;
      }
      expectSame("Whether the second had a share", share > 5, true);
      done.push(...ahead);
      await first.settle(ahead.map(published));
      for (const session of [first, second]) done.push(...await drain(session));
      expectAll(done, all);
    },
  },
  {
    name: "read() takes what others have left",
    run: async (harness) => {
      const all = backlog(200, LANES);
      await storeMany(harness.storage, all);
      const sessions = await openSessions(harness, 3);
      const done: OutboxRow[] = [];
      for (let round = 0; round < 5; round++) {
        for (const session of sessions) {
          const rows = await session.read(5);
          await session.settle(rows.map(published));
          done.push(...rows);
        }
      }
      const [last, ...others] = sessions;
      for (const session of others) await session[Symbol.asyncDispose]();
      if (last !== undefined) done.push(...await drain(last));
      expectAll(done, all);
    },
  },
  {
    name: "read() leaves a key whole to one session, whoever stores its messages",
    run: async (harness) => {
      const sessions = await openSessions(harness, 2);
      const done: OutboxRow[] = [];
      for (let n = 10; n < 30; n++) {
        const writer = await harness.open();
        await writer.outbox.store([message(`a${n}`), message(`b${n}`)]);
        for (const session of sessions) {
          const rows = await session.read(1);
          await session.settle(rows.map(published));
          done.push(...rows);
        }
      }
      for (const session of sessions) done.push(...await drain(session));
      const { a, b } = inLanes(done);
      const numbers = Array.from({ length: 20 }, (_, n) => n + 10);
      expectSame("One lane", a, numbers.map((n) => `a${n}`).join(" "));
      expectSame("The other", b, numbers.map((n) => `b${n}`).join(" "));
      await expectRows(harness.storage.outbox.open(SESSION), {});
    },
  },
];

/** How the sessions of several relays must share an outbox. */
export const outboxSharingCases: ReadonlyArray<StorageCase> = sharingCases;
