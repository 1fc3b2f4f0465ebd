import type { OutboxOutcome } from "../storage/mod.ts";
import { expectSame } from "./conformance_case.ts";
import {
  dead,
  drain,
  expectAll,
  expectRows,
  failed,
  held,
  inLanes,
  LEASE_MS,
  message,
  messages,
  outcomes,
  published,
  readAll,
  RETRY_MS,
  returned,
  SESSION,
  sorted,
  type StorageCase,
  storeEach,
  storeMany,
  textOf,
} from "./storage_steps.ts";

const waitingCases: StorageCase[] = [
  {
    name: "failed rows come again after their time, with one more attempt",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 -1");
      const session = storage.outbox.open(SESSION);
      for (const attempts of [0, 1, 2]) {
        const rows = await expectRows(session, { a: "a1", "-": "-1" });
        expectSame("How often they failed", rows.map((row) => row.attempts), [attempts, attempts]);
        await session.settle(rows.map((row) => failed(row)));
        await expectRows(session, {});
        await advance(5_000);
        await expectRows(session, {});
        await advance(RETRY_MS - 4_000);
      }
      const [row] = await readAll(session);
      expectSame("How often it failed", row?.attempts, 3);
    },
  },
  {
    name: "failed rows keep what comes behind them waiting, in order, and nothing else",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 b1 a2");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(
        outcomes(rows, { a1: failed, a2: held, b1: published }),
      );
      await storeEach(storage, "a3 b2 -1 a4");
      const others = await expectRows(session, { b: "b2", "-": "-1" });
      await session.settle(others.map(published));
      await advance(RETRY_MS + 1_000);
      const again = await expectRows(session, { a: "a1 a2 a3 a4" });
      expectSame("How often they failed", again.map((row) => row.attempts), [1, 0, 0, 0]);
    },
  },
  {
    name: "failed rows keep their lane in order, also when their session ends in the middle of it",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 a2 a3 a4 a5 a6");
      const session = storage.outbox.open(SESSION);
      const first = await session.read(1);
      const ahead = await session.read(1);
      await session.settle(outcomes(first, { a1: failed }));
      const late = await session.read(3); // what comes behind is known to be blocked by now
      expectSame("What was read behind it", inLanes([...ahead, ...late]), { a: "a2" });
      await session.read(3);
      await session[Symbol.asyncDispose](); // before it can say that a2 was held
      await advance(RETRY_MS + 1_000);
      const other = (await open()).outbox.open(SESSION);
      await expectRows(other, { a: "a1 a2 a3 a4 a5 a6" });
    },
  },
  {
    name: "failed rows come again at once when they need not wait",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(outcomes(rows, { a1: (row) => failed(row, 0), a2: held }));
      const again = await expectRows(session, { a: "a1 a2" });
      expectSame("How often they failed", again.map((row) => row.attempts), [1, 0]);
    },
  },
  {
    name: "failed rows keep their attempts and their time in another session",
    run: async ({ storage, open, advance }) => {
      await storeEach(storage, "a1 a2 -1");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(outcomes(rows, { a1: failed, a2: held, "-1": failed }));
      await session[Symbol.asyncDispose]();
      const next = (await open()).outbox.open(SESSION);
      await expectRows(next, {});
      await storeEach(storage, "a3");
      await expectRows(next, {});
      await advance(RETRY_MS + 1_000);
      const again = await expectRows(next, { a: "a1 a2 a3", "-": "-1" });
      const attempts = again.map((row) => `${textOf(row)}: ${row.attempts}`);
      expectSame("How often they failed", attempts.sort(), ["-1: 1", "a1: 1", "a2: 0", "a3: 0"]);
    },
  },
  {
    name: "failed rows of many lanes wait each for itself",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 b1 c1");
      const session = storage.outbox.open(SESSION);
      await session.settle(outcomes(await readAll(session), {
        a1: (row) => failed(row, 30_000),
        b1: (row) => failed(row, 10_000),
        c1: failed,
      }));
      await advance(11_000);
      await expectRows(session, { b: "b1" });
      await advance(10_000);
      await expectRows(session, { c: "c1" });
      await session.keep();
      await advance(10_000);
      await expectRows(session, { a: "a1" });
    },
  },
];

const orderCases: StorageCase[] = [
  {
    name: "failed rows stay in front of what was read ahead behind them",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 a2 a3 b1 a4");
      const session = storage.outbox.open(SESSION);
      const first = await readAll(session);
      await storeEach(storage, "a5");
      const ahead = await expectRows(session, { a: "a5" });
      await session.settle(outcomes(first, {
        a1: published,
        a2: failed,
        a3: held,
        a4: held,
        b1: published,
      }));
      await session.settle(ahead.map(held));
      await expectRows(session, {});
      await advance(RETRY_MS + 1_000);
      const again = await expectRows(session, { a: "a2 a3 a4 a5" });
      await session.settle(again.map(published));
      await expectRows(session, {});
    },
  },
  {
    name: "attempts count for the row that failed, and the next one begins at 0",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 a2 a3");
      const session = storage.outbox.open(SESSION);
      const seen: string[] = [];
      for (let n = 0; n < 7; n++) {
        const [head, ...rest] = await readAll(session);
        if (head === undefined) break;
        seen.push(`${textOf(head)}: ${head.attempts}, ${rest.map((row) => row.attempts)}`);
        const isTried = head.attempts === 2;
        await session.settle([
          isTried ? published(head) : failed(head),
          ...rest.map(isTried ? returned : held),
        ]);
        await advance(RETRY_MS + 1_000);
      }
      expectSame("The attempts", seen, [
        "a1: 0, 0,0",
        "a1: 1, 0,0",
        "a1: 2, 0,0",
        "a2: 0, 0",
        "a2: 1, 0",
        "a2: 2, 0",
        "a3: 0, ",
      ]);
    },
  },
  {
    name: "failed rows in the middle let go what stands before them",
    run: async ({ storage, advance }) => {
      await storeEach(storage, "a1 a2 a3");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(outcomes(rows, { a1: published, a2: failed, a3: held }));
      await advance(RETRY_MS + 1_000);
      const again = await expectRows(session, { a: "a2 a3" });
      await session.settle(outcomes(again, { a2: published, a3: failed }));
      await storeEach(storage, "a4");
      await expectRows(session, {});
      await advance(RETRY_MS + 1_000);
      await expectRows(session, { a: "a3 a4" });
    },
  },
  {
    name: "returned rows come again at once, in the order of their lanes",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 b1 a2 -1 a3 b2");
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      await session.settle(
        rows.map((row) => textOf(row) === "b1" ? published(row) : returned(row)),
      );
      await storeEach(storage, "a4 b3");
      const again = await expectRows(session, { a: "a1 a2 a3 a4", b: "b2 b3", "-": "-1" });
      expectSame("How often they failed", again.map((row) => row.attempts), Array(7).fill(0));
      await session.settle(again.map(published));
      await expectRows(session, {});
    },
  },
  {
    name: "returned rows come again together with what was read after them",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2 a3");
      const session = storage.outbox.open(SESSION);
      const [first, second] = [await session.read(1), await session.read(1)];
      await session.settle([...first, ...second].map(returned));
      const again = await expectRows(session, { a: "a1 a2 a3" });
      await session.settle(again.slice(0, 1).map(published));
      await session.settle(again.slice(1).map(returned));
      await expectRows(session, { a: "a2 a3" });
    },
  },
  {
    name: "returned rows come in their order one by one",
    run: async ({ storage }) => {
      await storeEach(storage, "a1 a2 b1 a3");
      const session = storage.outbox.open(SESSION);
      for (let n = 0; n < 3; n++) {
        await session.settle((await readAll(session)).map(returned));
      }
      expectSame("What was read", inLanes(await readAll(session, 1)), { a: "a1 a2 a3", b: "b1" });
    },
  },
  {
    name: "settle() of nothing does nothing",
    run: async ({ storage }) => {
      const session = storage.outbox.open(SESSION);
      await session.settle([]);
      await storage.outbox.store(messages("a1"));
      const rows = await expectRows(session, { a: "a1" });
      await session.settle([]);
      await session.settle(rows.map(published));
      await expectRows(session, {});
    },
  },
];

const crowdCases: StorageCase[] = [
  {
    name: "failed rows of many lanes let all others flow, and come again in order",
    run: async ({ storage, advance }) => {
      const lanes = Array.from({ length: 150 }, (_, n) => `key ${n}`);
      const round = (n: number) => lanes.map((key) => message(`${n} of ${key}`, { key }));
      await storeMany(storage, [...round(1), ...round(2)]);
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      expectAll(rows, [...round(1), ...round(2)]);
      await session.settle(
        rows.map((row) => textOf(row).startsWith("1") ? failed(row) : held(row)),
      );
      await storeMany(storage, [...round(3), ...messages("a1 b1 -1")]);
      expectAll(await drain(session), messages("a1 b1 -1"));
      const { pending, waitingKeys } = await storage.outbox.statistics();
      expectSame("What waits", { pending, waitingKeys }, { pending: 450, waitingKeys: 150 });
      await advance(RETRY_MS + 1_000);
      expectAll(await drain(session, 33), [...round(1), ...round(2), ...round(3)]);
    },
  },
  {
    name: "failed and dead rows with many behind them do not hide what is stored later",
    run: async ({ storage, advance }) => {
      const many = (key: string) =>
        Array.from({ length: 120 }, (_, n) => message(`${1_000 + n} of ${key}`, { key }));
      await storage.outbox.store([
        message("1 of w", { key: "w" }),
        message("1 of p", { key: "p" }),
      ]);
      const session = storage.outbox.open(SESSION);
      const heads = await readAll(session);
      await session.settle(
        heads.map((row) => row.envelope.key === "w" ? failed(row) : dead(row)),
      );
      await storeMany(storage, [...many("w"), ...many("p")]);
      await storeEach(storage, "a1 b1 -1 a2");
      expectAll(await drain(session, 2), messages("a1 b1 -1 a2"));
      await session[Symbol.asyncDispose]();
      await storeEach(storage, "a3 c1");
      const next = storage.outbox.open(SESSION);
      expectAll(await drain(next, 2), messages("a3 c1"));
      await storage.outbox.deadLetters.discard(["1 of p"]);
      await advance(RETRY_MS + 1_000);
      const rest = [message("1 of w", { key: "w" }), ...many("w"), ...many("p")];
      expectAll(await drain(next, 50), rest);
    },
  },
  {
    name: "failed and dead rows may have failed with any text, after any time",
    run: async ({ storage, advance }) => {
      const error = `too large\u0000 \ud800 ' " \\ ${"x".repeat(2_000)}`;
      await storeEach(storage, "a1 b1 -1");
      const session = storage.outbox.open({ leaseMs: LEASE_MS + 0.25 });
      await session.settle((await readAll(session)).map((row): OutboxOutcome => ({
        row,
        outcome: "failed",
        error,
        retryAfterMs: RETRY_MS + 1 / 3,
      })));
      await advance(RETRY_MS + 1_000);
      await session.settle((await readAll(session)).map((row) => dead(row, { error })));
      const letters = await storage.outbox.deadLetters.list();
      expectSame("The dead letters", sorted(letters), "-1 a1 b1");
      // A database may have to replace a character that it cannot keep.
      const isKept = letters.every((letter) => letter.error.startsWith("too large"));
      expectSame("Whether they say why", isKept, true);
    },
  },
];

/** What becomes of rows that could not be published at once. */
export const outboxFailureCases: ReadonlyArray<StorageCase> = [
  ...waitingCases,
  ...orderCases,
  ...crowdCases,
];
