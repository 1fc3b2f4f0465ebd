import { expectSame } from "./conformance_case.ts";
import {
  backlog,
  drain,
  expectAll,
  expectError,
  expectRows,
  inLanes,
  leaveOpen,
  message,
  messages,
  published,
  readAll,
  returned,
  SESSION,
  sorted,
  type StorageCase,
  storeEach,
  storeMany,
} from "./storage_steps.ts";

const givingCases: StorageCase[] = [
  {
    name: "read() gives nothing of an outbox that is empty",
    run: async ({ storage }) => {
      const session = storage.outbox.open(SESSION);
      expectSame("What was read", (await session.read(10)).length, 0);
      expectSame("What was read", (await session.read(10)).length, 0);
    },
  },
  {
    name: "read() gives rows in the order of their lanes",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 b1 a2 -1 c1 b2 a3 -2 c2");
      const rows = await readAll(storage.outbox.open(SESSION));
      expectAll(rows, messages("a1 b1 a2 -1 c1 b2 a3 -2 c2"));
      expectSame("How often they failed", rows.map(({ attempts }) => attempts), Array(9).fill(0));
    },
  },
  {
    name: "read() names lanes so that rows of one key share a name, and others do not",
    run: async ({ storage }) => {
      await storage.outbox.store([
        ...messages("a1 a2 b1 -1 -2"),
        message("x1", { key: "-1" }),
        message("x2", { key: "#-2" }),
        message("x3", { key: "" }),
        message("x4", { key: "a", topic: "users" }),
        message("x5", { key: "s", topic: "order" }), // in a row they say what those of x3 say
      ]);
      const rows = await readAll(storage.outbox.open(SESSION));
      const names = new Map(rows.map(({ envelope: { id }, lane }) => [id, lane]));
      expectSame("The lane of a2", names.get("a2"), names.get("a1"));
      expectSame("How many lanes there are", new Set(names.values()).size, 9);
      expectSame("How many positions", new Set(rows.map((row) => row.position)).size, 10);
    },
  },
  {
    name: "read() gives at most as many rows as it is asked for, and loses none of the others",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 b1 a2 -1 b2 a3");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session, 1);
      expectAll(rows, messages("a1 b1 a2 -1 b2 a3"));
    },
  },
  {
    name: "read() gives no row again that is not settled",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2 b1");
      const session = storage.outbox.open(SESSION);
      await expectRows(session, { a: "a1 a2", b: "b1" });
      await expectRows(session, {});
      await storeEach(storage, "a3");
      await expectRows(session, { a: "a3" });
      await session.keep();
      await expectRows(session, {});
    },
  },
  {
    name: "read() gives nothing again that was published, to no session",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 b1 a2 -1");
      const session = storage.outbox.open(SESSION);
      expectSame("How many rows there are", (await drain(session, 2)).length, 4);
      await expectRows(session, {});
      await session[Symbol.asyncDispose]();
      await advance(1_000_000);
      await expectRows((await open()).outbox.open(SESSION), {});
    },
  },
  {
    name: "read() goes on behind what is published only in part",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2 a3 a4");
      const session = storage.outbox.open(SESSION);
      const [first, second] = [await session.read(2), await session.read(2)];
      await session.settle(first.map(published));
      await storeEach(storage, "a5");
      expectSame("What came first", inLanes([...first, ...second]), { a: "a1 a2 a3 a4" });
      const third = await expectRows(session, { a: "a5" });
      await session.settle([...second, ...third].map(published));
      await expectRows(session, {});
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
];

const numberCases: StorageCase[] = [
  {
    name: "read() and open() refuse numbers that are out of their range",
    run: async ({ storage }) => {
      await storeEach(storage, "a1");
      const session = storage.outbox.open(SESSION);
      for (const maxRows of [0, -1, 1.5, NaN, Infinity]) {
        await expectError(`read() of ${maxRows}`, session.read(maxRows), RangeError);
      }
      for (const leaseMs of [0, -1, NaN, Infinity]) {
        const opening = async () => void await storage.outbox.open({ leaseMs }).keep();
        await expectError(`open() for ${leaseMs}`, opening(), RangeError);
      }
      await expectRows(session, { a: "a1" });
    },
  },
];

const backlogCases: StorageCase[] = [
  {
    name: "read() goes through a large backlog without losing a row or the order of a lane",
    run: async ({ storage }) => {
      const all = backlog(600, 9);
      await storeMany(storage, all);
      expectAll(await drain(storage.outbox.open(SESSION), 37), all);
    },
  },
  {
    name: "read() goes through a backlog while what it gave before is still being published",
    run: async ({ storage }) => {
      const all = backlog(300, 5);
      await storeMany(storage, all);
      const session = storage.outbox.open(SESSION);
      const rows = [...await session.read(20)];
      for (let before = rows; before.length > 0;) {
        const [next] = await Promise.all([
          session.read(20),
          session.settle(before.map(published)),
        ]);
        rows.push(...next);
        before = [...next];
      }
      expectAll(rows, all);
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "read(), settle() and keep() can be called at the same time",
    run: async ({ storage }) => {
      const all = backlog(200, 5);
      await storeMany(storage, all);
      const session = storage.outbox.open(SESSION);
      const rows = [...await session.read(20)];
      for (let before = rows; before.length > 0;) {
        const [, next] = await Promise.all([
          session.settle(before.slice(0, 10).map(published)),
          session.read(20),
          session.keep(),
          session.settle(before.slice(10).map(published)),
          session.keep(),
        ]);
        rows.push(...next);
        before = [...next];
      }
      expectAll(rows, all);
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "read() gives what is stored while a session reads later, in order",
    run: async ({ storage }) => {
      const session = storage.outbox.open(SESSION);
      const rows = [];
      for (let n = 10; n < 30; n++) {
        await storeEach(storage, `a${n} b${n}`);
        const more = await session.read(3);
        await session.settle(more.map(published));
        rows.push(...more);
      }
      rows.push(...await drain(session));
      const numbers = Array.from({ length: 20 }, (_, n) => n + 10);
      expectSame("The lanes", inLanes(rows), {
        a: numbers.map((n) => `a${n}`).join(" "),
        b: numbers.map((n) => `b${n}`).join(" "),
      });
    },
  },
];

const topicCases: StorageCase[] = [
  {
    name: "topics are all that a session takes",
    run: async ({ storage }) => {
      await storage.outbox.store([
        message("a1"),
        message("a2", { topic: "users" }),
        message("a3", { topic: "bills" }),
        message("-1", { topic: "users" }),
        message("-2", { topic: "Users" }),
      ]);
      const session = storage.outbox.open({ ...SESSION, topics: ["users", "bills", "none"] });
      const rows = await readAll(session);
      expectSame("What was read", sorted(rows), "-1 a2 a3");
      await session.settle(rows.map(published));
      await expectRows(session, {});
      expectSame("What is left", sorted(await readAll(storage.outbox.open(SESSION))), "-2 a1");
    },
  },
  {
    name: "topics that two sessions do not share are read by each without waiting for the other",
    run: async ({ storage, open }) => {
      const other = await open();
      for (const topic of ["users", "bills", "orders"]) {
        await storage.outbox.store(messages("a1 b1 c1", { topic }));
      }
      const first = storage.outbox.open({ ...SESSION, topics: ["users", "bills"] });
      expectSame("What one session reads", (await readAll(first)).length, 6);
      const second = other.outbox.open({ ...SESSION, topics: ["orders"] });
      expectSame("What the other reads", sorted(await readAll(second)), "a1 b1 c1");
      const third = other.outbox.open({ ...SESSION, topics: ["bills", "notes"] });
      await storage.outbox.store(messages("a1 b1 c1", { topic: "notes" }));
      const rows = await readAll(third);
      const notes = rows.filter(({ envelope: { topic } }) => topic === "notes");
      expectSame("What a third reads beside a topic of the first", sorted(notes), "a1 b1 c1");
    },
  },
  {
    name: "topics keep keys of the same name apart",
    run: async ({ storage }) => {
      await storage.outbox.store([
        message("a1", { topic: "users" }),
        message("a2", { topic: "bills" }),
      ]);
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(
        rows.map((row) =>
          row.envelope.topic === "users"
            ? { row, outcome: "dead", error: "no", continues: false }
            : published(row)
        ),
      );
      await storage.outbox.store([
        message("a3", { topic: "users" }),
        message("a4", { topic: "bills" }),
      ]);
      await expectRows(session, { a: "a4" });
    },
  },
];

const commitCases: StorageCase[] = [
  {
    name: "read() gives what is committed late, after later messages were published",
    needs: "concurrency",
    run: async ({ storage, open }) => {
      const other = await open();
      const late = leaveOpen(other, (tx) => other.outbox.append(tx, messages("a1 b1 -1")));
      await late.done;
      await storeEach(storage, "a2 b2 -2 a3");
      const session = storage.outbox.open(SESSION);
      expectSame("How many rows come first", (await drain(session)).length, 4);
      await late.commit();
      const rows = await drain(session);
      expectSame("What comes then", sorted(rows), "-1 a1 b1");
      await storeEach(storage, "a4");
      await expectRows(session, { a: "a4" });
    },
  },
  {
    name: "read() gives what is committed late while later messages are not settled",
    needs: "concurrency",
    run: async ({ storage, open }) => {
      const other = await open();
      const late = leaveOpen(other, (tx) => other.outbox.append(tx, messages("a1 b1 -1")));
      await late.done;
      await storeEach(storage, "a2 b2 -2");
      const session = storage.outbox.open(SESSION);
      const first = await readAll(session);
      expectSame("What comes first", sorted(first), "-2 a2 b2");
      await late.commit();
      const then = await readAll(session);
      expectSame("What comes then", sorted(then), "-1 a1 b1");
      await session.settle([...first, ...then].map(published));
      await expectRows(session, {});
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "read() keeps the order of a lane across commits, though it has read ahead",
    needs: "concurrency",
    run: async ({ storage, open }) => {
      const other = await open();
      const session = storage.outbox.open(SESSION);
      // A place that is given out early and taken late, in the same lane and in others.
      const late = leaveOpen(other, (tx) => other.outbox.append(tx, messages("b1 a1")));
      await late.done;
      await storeEach(storage, "a2 c1");
      const ahead = await readAll(session);
      await late.commit();
      await storeEach(storage, "a3 b2"); // begun after the commit of a1 and b1
      const rows = await readAll(session);
      expectSame("What came first", inLanes(ahead), { a: "a2", c: "c1" });
      expectSame("What came then", inLanes(rows), { a: "a1 a3", b: "b1 b2" });
    },
  },
  {
    name: "read() gives what was returned in its place among what was committed late",
    needs: "concurrency",
    run: async ({ storage, open }) => {
      const other = await open();
      await storeEach(storage, "a1");
      const late = leaveOpen(other, (tx) => other.outbox.append(tx, messages("b1")));
      await late.done;
      await storeEach(storage, "a2 b2");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      expectSame("What came first", inLanes(rows), { a: "a1 a2", b: "b2" });
      await late.commit();
      await session.settle(rows.map(returned));
      const { a, b } = inLanes(await readAll(session));
      expectSame("What came then", [a, b?.split(" ").sort().join(" ")], ["a1 a2", "b1 b2"]);
    },
  },
];

/** What {@linkcode OutboxSession.read} must give, and in which order, while nothing fails. */
export const outboxReadCases: ReadonlyArray<StorageCase> = [
  ...givingCases,
  ...numberCases,
  ...backlogCases,
  ...topicCases,
  ...commitCases,
];
