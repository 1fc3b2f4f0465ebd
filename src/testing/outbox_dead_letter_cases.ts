import { ConformanceError, expectSame } from "./conformance_case.ts";
import {
  bury,
  dead,
  deadIds,
  expectRows,
  failed,
  held,
  message,
  outcomes,
  published,
  readAll,
  RETRY_MS,
  SESSION,
  sorted,
  type StorageCase,
  storeEach,
} from "./storage_steps.ts";

const parkingCases: StorageCase[] = [
  {
    name: "dead rows are listed with their message, attempts, error and time",
    run: async ({ storage, advance }) => {
      const headers = { tenant: "t1" };
      await storage.outbox.store([message("a1", { headers, body: Uint8Array.of(0, 255) })]);
      const session = storage.outbox.open(SESSION);
      await session.settle((await readAll(session)).map((row) => failed(row)));
      await advance(RETRY_MS + 1_000);
      const error = "too \"large\" for\nthe 'broker' 🛟";
      await session.settle((await readAll(session)).map((row) => dead(row, { error })));
      const [letter, ...others] = await storage.outbox.deadLetters.list();
      if (letter === undefined) throw new ConformanceError("There is no dead letter");
      const { envelope, diedAt, ...rest } = letter;
      expectSame("How many others there are", others.length, 0);
      expectSame("What is listed beside it", rest, { attempts: 2, error });
      expectSame("The body", [...envelope.body], [0, 255]);
      expectSame("The attributes", { ...envelope, body: undefined }, {
        ...message("a1", { headers }),
        body: undefined,
      });
      expectSame("Whether it has a time", Number.isFinite(diedAt.getTime()), true);
    },
  },
  {
    name: "dead rows park their lane, also for later messages and sessions, and no other",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 b1 a2 -1");
      const session = storage.outbox.open(SESSION);
      await session.settle(outcomes(await readAll(session), {
        a1: (row) => dead(row),
        a2: held,
        b1: published,
        "-1": published,
      }));
      await storeEach(storage, "a3 b2");
      await expectRows(session, { b: "b2" });
      await session[Symbol.asyncDispose]();
      await advance(1_000_000);
      await storeEach(storage, "a4 c1");
      await expectRows((await open()).outbox.open(SESSION), { b: "b2", c: "c1" });
    },
  },
  {
    name: "dead rows park what stands behind the first of them",
    run: async ({ storage }) => {
      const { deadLetters } = storage.outbox;
      await bury(storage, "a1 a2! a3 a4! a5", false);
      const session = storage.outbox.open(SESSION);
      const rows = await expectRows(session, { a: "a1" });
      await session.settle(rows.map(published));
      await deadLetters.requeue(["a4!"]);
      await expectRows(session, {});
      await deadLetters.requeue(["a2!"]);
      await expectRows(session, { a: "a2! a3 a4! a5" });
    },
  },
  {
    name: "dead rows let their lane go on where it continues",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2 a3");
      const session = storage.outbox.open(SESSION);
      await session.settle(outcomes(await readAll(session), {
        a1: (row) => dead(row, { continues: true }),
        a2: held,
        a3: held,
      }));
      await storeEach(storage, "a4");
      const rows = await expectRows(session, { a: "a2 a3 a4" });
      expectSame("How often they failed", rows.map((row) => row.attempts), [0, 0, 0]);
      expectSame("The dead letters", await deadIds(storage), "a1");
    },
  },
  {
    name: "dead rows without a key park nothing",
    run: async ({ storage }) => {
      await storeEach(storage, "-1 -2");
      const session = storage.outbox.open(SESSION);
      await session.settle(
        outcomes(await readAll(session), { "-1": (row) => dead(row), "-2": published }),
      );
      await storeEach(storage, "-3 -1");
      const rows = await readAll(session);
      expectSame("What comes then", sorted(rows), "-1 -3");
    },
  },
  {
    name: "dead rows stay dead letters when another session takes over",
    run: async ({ storage, open, advance }) => {
      await bury(storage, "a1! a2", false);
      await advance(1_000_000);
      const other = await open();
      await expectRows(other.outbox.open(SESSION), {});
      expectSame("The dead letters", await deadIds(other), "a1!");
    },
  },
];

const requeueCases: StorageCase[] = [
  {
    name: "requeue() puts a dead letter back in front of what comes behind it, with a new budget",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 a2");
      const session = storage.outbox.open(SESSION);
      await session.settle(outcomes(await readAll(session), { a1: failed, a2: held }));
      await advance(RETRY_MS + 1_000);
      await session.settle(
        outcomes(await readAll(session), { a1: (row) => dead(row), a2: held }),
      );
      await storeEach(storage, "a3");
      expectSame("What was put back", await (await open()).outbox.deadLetters.requeue(["a1"]), 1);
      const rows = await expectRows(session, { a: "a1 a2 a3" });
      expectSame("How often they failed", rows.map((row) => row.attempts), [0, 0, 0]);
      expectSame("The dead letters", await deadIds(storage), "");
      await session.settle(rows.map(published));
      await storeEach(storage, "a4");
      await expectRows(session, { a: "a4" });
    },
  },
  {
    name: "requeue() lets a message die again",
    run: async ({ storage }) => {
      await bury(storage, "a1! b1!", false);
      await storage.outbox.deadLetters.requeue(["a1!", "b1!"]);
      await storeEach(storage, "a2");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(outcomes(rows, {
        "a1!": (row) => dead(row, { error: "once more" }),
        a2: held,
        "b1!": published,
      }));
      await expectRows(session, {});
      const [letter] = await storage.outbox.deadLetters.list();
      expectSame("The error", letter?.error, "once more");
      expectSame("How often it was tried", letter?.attempts, 1);
      expectSame("The dead letters", await deadIds(storage), "a1!");
    },
  },
  {
    name: "requeue() of one of several dead letters of a lane puts back that one alone",
    run: async ({ storage }) => {
      await bury(storage, "a1! a2! a3 a4! a5", true);
      expectSame("The dead letters", await deadIds(storage), "a1! a2! a4!");
      expectSame("What was put back", await storage.outbox.deadLetters.requeue(["a2!"]), 1);
      expectSame("The dead letters", await deadIds(storage), "a1! a4!");
      const session = storage.outbox.open(SESSION);
      const rows = await expectRows(session, { a: "a2! a3 a5" });
      await session.settle(rows.map(published));
      expectSame("What was put back", await storage.outbox.deadLetters.requeue(["a4!", "a1!"]), 2);
      await expectRows(session, { a: "a1! a4!" });
    },
  },
  {
    name: "requeue() lets go on what comes before the next dead letter that parks the lane",
    run: async ({ storage }) => {
      await bury(storage, "a1! a2! a3", false);
      expectSame("What was put back", await storage.outbox.deadLetters.requeue(["a1!"]), 1);
      const session = storage.outbox.open(SESSION);
      const rows = await expectRows(session, { a: "a1!" });
      await session.settle(rows.map(published));
      await expectRows(session, {});
      expectSame("What was put back", await storage.outbox.deadLetters.requeue(["a2!"]), 1);
      await expectRows(session, { a: "a2! a3" });
    },
  },
  {
    name: "requeue() and discard() pass over what is no dead letter",
    run: async ({ storage }) => {
      const { deadLetters } = storage.outbox;
      await bury(storage, "a1! a2 b1 c1!", false);
      expectSame("What was put back", await deadLetters.requeue(["b1", "none", "", "a2"]), 0);
      expectSame("What was deleted", await deadLetters.discard(["b1", "none", "", "a2"]), 0);
      expectSame("What was put back", await deadLetters.requeue([]), 0);
      expectSame("What was deleted", await deadLetters.discard([]), 0);
      expectSame("The dead letters", await deadIds(storage), "a1! c1!");
      await expectRows(storage.outbox.open(SESSION), { b: "b1" });
      expectSame("What was put back", await deadLetters.requeue(["c1!", "none", "c1!"]), 1);
      expectSame("What was put back", await deadLetters.requeue(["c1!"]), 0);
    },
  },
  {
    name: "requeue() and discard() take all dead letters with an id",
    run: async ({ storage }) => {
      const { deadLetters } = storage.outbox;
      await bury(storage, "a1! a1! a2", true);
      expectSame("What was put back", await deadLetters.requeue(["a1!"]), 2);
      const session = storage.outbox.open(SESSION);
      const rows = await expectRows(session, { a: "a1! a1! a2" });
      await session.settle(
        rows.map((row) => row.envelope.id === "a2" ? held(row) : dead(row)),
      );
      expectSame("What was deleted", await deadLetters.discard(["a1!"]), 2);
      await expectRows(session, { a: "a2" });
    },
  },
  {
    name: "requeue() gives each row to one session, also when two call it at once",
    run: async ({ storage, open }) => {
      await bury(storage, "a1! b1! c1! d1! -1!", true);
      const other = await open();
      const all = ["a1!", "b1!", "c1!", "d1!", "-1!"];
      const counts = await Promise.all([
        storage.outbox.deadLetters.requeue(all),
        other.outbox.deadLetters.requeue(all),
      ]);
      expectSame("What both put back", counts[0] + counts[1], 5);
      const rows = await readAll(storage.outbox.open(SESSION));
      expectSame("What was read", sorted(rows), "-1! a1! b1! c1! d1!");
    },
  },
];

const discardCases: StorageCase[] = [
  {
    name: "discard() deletes a dead letter, and its lane goes on with the next message",
    run: async ({ storage, open }) => {
      await bury(storage, "a1! a2 b1! b2", false);
      const other = await open();
      expectSame("What was deleted", await other.outbox.deadLetters.discard(["a1!"]), 1);
      expectSame("The dead letters", await deadIds(storage), "b1!");
      const session = storage.outbox.open(SESSION);
      const rows = await expectRows(session, { a: "a2" });
      await session.settle(rows.map(published));
      expectSame("What was deleted", await other.outbox.deadLetters.discard(["a1!"]), 0);
      await storeEach(storage, "a3");
      await expectRows(session, { a: "a3" });
    },
  },
  {
    name: "discard() lets a lane go on when its last dead letter is gone",
    run: async ({ storage }) => {
      await bury(storage, "a1! a2! a3", false);
      const session = storage.outbox.open(SESSION);
      await storage.outbox.deadLetters.discard(["a1!"]);
      await expectRows(session, {});
      await storage.outbox.deadLetters.discard(["a2!"]);
      await expectRows(session, { a: "a3" });
    },
  },
];

/** What becomes of messages that were given up, and of what stands behind them. */
export const outboxDeadLetterCases: ReadonlyArray<StorageCase> = [
  ...parkingCases,
  ...requeueCases,
  ...discardCases,
];
