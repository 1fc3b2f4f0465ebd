import { expectSame } from "./conformance_case.ts";
import {
  dead,
  drain,
  expectCode,
  expectRows,
  failed,
  held,
  LEASE_MS,
  published,
  readAll,
  returned,
  SESSION,
  sorted,
  type StorageCase,
  storeEach,
} from "./storage_steps.ts";

const lostCases: StorageCase[] = [
  {
    name: "a session that was silent for too long has lost all, and another reads it",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 b1 a2 -1");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      const other = (await open()).outbox.open(SESSION);
      await advance(LEASE_MS + 5_000);
      await expectRows(other, { a: "a1 a2", b: "b1", "-": "-1" });
      await expectCode("settle()", session.settle(rows.map(published)), "lease_lost");
      await expectCode("read()", session.read(1), "lease_lost");
      await expectCode("keep()", session.keep(), "lease_lost");
      await expectCode("settle()", session.settle(rows.map(published)), "lease_lost");
      await session[Symbol.asyncDispose]();
      await expectRows(other, {});
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 4);
    },
  },
  {
    name: "a session that has lost all undoes nothing that another has done",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 a2 b1 b2 c1 d1");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      const other = (await open()).outbox.open(SESSION);
      await advance(LEASE_MS + 5_000);
      const theirs = await readAll(other);
      await other.settle(theirs.map((row) => {
        if (row.envelope.id === "a1") return dead(row);
        return row.envelope.id === "a2" || row.envelope.id === "d1" ? held(row) : published(row);
      }));
      for (const outcome of [published, held, returned, failed, dead]) {
        await expectCode("settle()", session.settle(rows.map((row) => outcome(row))), "lease_lost");
      }
      await session[Symbol.asyncDispose]();
      const { pending, deadLetters, parkedKeys } = await storage.outbox.statistics();
      expectSame("What there is", { pending, deadLetters, parkedKeys }, {
        pending: 2,
        deadLetters: 1,
        parkedKeys: 1,
      });
      const [again] = await expectRows(other, { d: "d1" });
      expectSame("How often it failed", again?.attempts, 0);
      await storage.outbox.deadLetters.requeue(["a1"]);
      await expectRows(other, { a: "a1 a2" });
    },
  },
  {
    name: "a session that was silent for too long has lost all, though nobody took it over",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 b1");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await advance(LEASE_MS + 5_000);
      await expectCode("settle()", session.settle(rows.map(published)), "lease_lost");
      await expectRows(storage.outbox.open(SESSION), { a: "a1", b: "b1" });
    },
  },
  {
    name: "a session that has lost all stays lost, also when time allows",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1");
      const session = storage.outbox.open(SESSION);
      await readAll(session);
      await advance(LEASE_MS + 5_000);
      await expectCode("keep()", session.keep(), "lease_lost");
      await expectCode("read()", session.read(1), "lease_lost");
      await expectRows(storage.outbox.open(SESSION), { a: "a1" });
    },
  },
];

const keptCases: StorageCase[] = [
  {
    name: "keep() in time keeps all, for another lease",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 b1");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      const other = (await open()).outbox.open(SESSION);
      for (let n = 0; n < 4; n++) {
        await advance(LEASE_MS * 0.75);
        await session.keep();
        await expectRows(other, {});
      }
      await advance(LEASE_MS * 0.75);
      await session.settle(rows.map(published));
      await expectRows(other, {});
    },
  },
  {
    name: "read() and settle() keep a session alive as well",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 a2 a3");
      const session = storage.outbox.open(SESSION);
      const first = await session.read(1);
      const other = (await open()).outbox.open(SESSION);
      await advance(LEASE_MS * 0.75);
      const second = await session.read(1);
      await advance(LEASE_MS * 0.75);
      await session.settle(first.map(published));
      await advance(LEASE_MS * 0.75);
      await expectRows(other, {});
      const third = await session.read(1);
      await session.settle([...second, ...third].map(published));
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "keep() does nothing for a session that holds nothing, whatever time has passed",
    run: async ({ storage, advance }) => {
      const session = storage.outbox.open(SESSION);
      await advance(LEASE_MS * 10);
      await session.keep();
      await storeEach(storage, "a1");
      await expectRows(session, { a: "a1" });
    },
  },
  {
    name: "open() takes nothing before it is read",
    run: async ({ storage, open }) => {
      await storeEach(storage, "a1 b1 c1");
      const idle = storage.outbox.open(SESSION);
      const rows = await drain((await open()).outbox.open(SESSION));
      expectSame("What the other reads", sorted(rows), "a1 b1 c1");
      await expectRows(idle, {});
    },
  },
];

const disposalCases: StorageCase[] = [
  {
    name: "dispose() lets others read at once what was not settled, in order",
    run: async ({ storage, open }) => {
      await storeEach(storage, "a1 b1 a2 -1 a3");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      const other = (await open()).outbox.open(SESSION);
      await expectRows(other, {});
      await session.settle(
        rows.filter(({ envelope }) => envelope.id === "a1" || envelope.id === "b1").map(published),
      );
      await session[Symbol.asyncDispose]();
      const again = await expectRows(other, { a: "a2 a3", "-": "-1" });
      expectSame("How often they failed", again.map((row) => row.attempts), [0, 0, 0]);
    },
  },
  {
    name: "dispose() ends a session: it reads and settles nothing more, and can be called again",
    run: async ({ storage }) => {
      await storeEach(storage, "a1");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
      await expectCode("settle()", session.settle(rows.map(published)), "lease_lost");
      await expectCode("read()", session.read(1), "lease_lost");
      await expectRows(storage.outbox.open(SESSION), { a: "a1" });
    },
  },
  {
    name: "dispose() of a session that has lost all takes nothing from who holds it now",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 b1");
      const session = storage.outbox.open(SESSION);
      await readAll(session);
      await advance(LEASE_MS + 5_000);
      const other = (await open()).outbox.open(SESSION);
      const rows = await readAll(other);
      await session[Symbol.asyncDispose]();
      await expectRows(storage.outbox.open(SESSION), {});
      await other.settle(rows.map(published));
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "dispose() while it reads leaves nothing behind",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 b1 -1");
      const session = storage.outbox.open(SESSION);
      const reading = session.read(10).then(() => {}, () => {}); // it may be too late
      await session[Symbol.asyncDispose]();
      await reading;
      await expectRows(storage.outbox.open(SESSION), { a: "a1", b: "b1", "-": "-1" });
    },
  },
  {
    name: "dispose() of a session that was never read does nothing",
    run: async ({ storage }) => {
      await storeEach(storage, "a1");
      const session = storage.outbox.open(SESSION);
      await session[Symbol.asyncDispose]();
      await expectRows(storage.outbox.open(SESSION), { a: "a1" });
    },
  },
];

/** What the lease of a session must do. */
export const outboxLeaseCases: ReadonlyArray<StorageCase> = [
  ...lostCases,
  ...keptCases,
  ...disposalCases,
];
