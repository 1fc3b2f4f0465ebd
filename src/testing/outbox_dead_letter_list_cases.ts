import { expectSame } from "./conformance_case.ts";
import {
  bury,
  dead,
  deadIds,
  expectError,
  messages,
  readAll,
  SESSION,
  type StorageCase,
} from "./storage_steps.ts";

/** What {@linkcode DeadLetters.list} must give. */
export const outboxDeadLetterListCases: ReadonlyArray<StorageCase> = [
  {
    name: "list() gives the one first that was given up first, and those of one topic if asked",
    run: async ({ storage, advance }) => {
      await storage.outbox.store([
        ...messages("a1 b1"),
        ...messages("a2 b2", { topic: "users" }),
      ]);
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      for (const id of ["b2", "a1", "a2", "b1"]) {
        await session.settle(
          rows.filter(({ envelope }) => envelope.id === id).map((row) => dead(row)),
        );
        await advance(1_000);
      }
      expectSame("All", await deadIds(storage), "b2 a1 a2 b1");
      expectSame("Those of one topic", await deadIds(storage, { topic: "orders" }), "a1 b1");
      expectSame("Those of another", await deadIds(storage, { topic: "users" }), "b2 a2");
      expectSame("Those of none", await deadIds(storage, { topic: "none" }), "");
      const times = (await storage.outbox.deadLetters.list()).map(({ diedAt }) => +diedAt);
      expectSame("The times", times, [...times].sort((a, b) => a - b));
    },
  },
  {
    name: "list() gives pages, each behind the last one of the page before",
    run: async ({ storage }) => {
      await bury(storage, "a1! b1! a2! -1! c1!", true);
      const all = (await deadIds(storage)).split(" ");
      expectSame("How many there are", all.length, 5);
      expectSame("The first page", await deadIds(storage, { limit: 2 }), all.slice(0, 2).join(" "));
      const second = await deadIds(storage, { limit: 2, after: all[1] });
      expectSame("The second page", second, all.slice(2, 4).join(" "));
      expectSame("The third page", await deadIds(storage, { limit: 2, after: all[3] }), all[4]);
      expectSame("What comes behind it", await deadIds(storage, { limit: 2, after: all[4] }), "");
      const topic = await deadIds(storage, { topic: "orders", after: all[2] });
      expectSame("The rest of a topic", topic, all.slice(3).join(" "));
    },
  },
  {
    name: "list() gives as many of a topic as it is asked for, whatever stands between them",
    run: async ({ storage }) => {
      const texts = "a1! b1! a2! b2! a3! b3!";
      await storage.outbox.store(
        messages(texts).map((each) => each.key === "a" ? { ...each, topic: "users" } : each),
      );
      const session = storage.outbox.open(SESSION);
      const rows = await readAll(session);
      for (const text of texts.split(" ")) {
        const [row] = rows.filter(({ envelope }) => envelope.id === text);
        if (row !== undefined) await session.settle([dead(row, { continues: true })]);
      }
      const filter = { topic: "orders", limit: 2 };
      expectSame("The first page", await deadIds(storage, filter), "b1! b2!");
      expectSame("The second page", await deadIds(storage, { ...filter, after: "b2!" }), "b3!");
      expectSame(
        "Behind one of another topic",
        await deadIds(storage, { ...filter, after: "a2!" }),
        "b2! b3!",
      );
    },
  },
  {
    name: "list() goes on behind the last of several dead letters with an id",
    run: async ({ storage }) => {
      await bury(storage, "a1! a2! a1! a3!", true);
      expectSame("The list", await deadIds(storage), "a1! a2! a1! a3!");
      expectSame("What comes behind", await deadIds(storage, { after: "a1!" }), "a3!");
    },
  },
  {
    name: "list() begins at the front when what it is to come behind is gone",
    run: async ({ storage }) => {
      await bury(storage, "a1! b1! c1!", true);
      const all = (await deadIds(storage)).split(" ");
      await storage.outbox.deadLetters.discard([all[1] ?? ""]);
      expectSame("The list", await deadIds(storage, { after: all[1] }), `${all[0]} ${all[2]}`);
    },
  },
  {
    name: "list() gives 100 unless it is told how many",
    run: async ({ storage }) => {
      const texts = Array.from({ length: 103 }, (_, n) => `a${100 + n}`);
      await storage.outbox.store(messages(texts.slice(0, 50).join(" ")));
      await storage.outbox.store(messages(texts.slice(50).join(" ")));
      const session = storage.outbox.open(SESSION);
      for (let rows = await session.read(40); rows.length > 0; rows = await session.read(40)) {
        await session.settle(rows.map((row) => dead(row, { continues: true })));
      }
      expectSame("By default", (await storage.outbox.deadLetters.list()).length, 100);
      const all = await deadIds(storage, { limit: 1_000 });
      expectSame("All of a lane, in its order", all, texts.join(" "));
    },
  },
  {
    name: "list() refuses limits that are out of their range",
    run: async ({ storage: { outbox: { deadLetters } } }) => {
      for (const limit of [0, -1, 1.5, NaN, 1_001, Infinity]) {
        await expectError(`list() of ${limit}`, deadLetters.list({ limit }), RangeError);
      }
    },
  },
];
