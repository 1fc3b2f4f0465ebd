import type { StorageTransaction } from "../storage/mod.ts";
import { ConformanceError, expectSame } from "./conformance_case.ts";
import {
  drain,
  expectError,
  expectRows,
  gate,
  messages,
  rejection,
  SESSION,
  sorted,
  type StorageCase,
} from "./storage_steps.ts";

/**
 * What every {@linkcode Storage} must do with transactions. What it must do with messages is in
 * {@linkcode outboxCases}, and with runs of streams in {@linkcode replayLogCases}.
 *
 * @example Running the cases against a storage
 * ```ts
 * import { memoryStorage, type MemoryTransaction } from "@sluice/cqrs/storage";
 * import { ManualClock, storageCases, type StorageHarness } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * function harness(): StorageHarness<MemoryTransaction> {
 *   const clock = new ManualClock();
 *   const storage = memoryStorage({ clock });
 *   return {
 *     storage,
 *     isConcurrent: true,
 *     open: () => storage, // for a database: another connection to it, with the options
 *     advance: (durationMs) => clock.advance(durationMs),
 *     put: async (tx, name, value) => tx.client.set(name, value),
 *     get: (name) => storage.transaction(({ client }) => client.get(name) as string | undefined),
 *     async [Symbol.asyncDispose]() {},
 *   };
 * }
 *
 * for (const { name, needs, run } of storageCases) {
 *   await using made = harness();
 *   if (needs === "concurrency" && !made.isConcurrent) console.log("Left out:", name);
 *   else await assert.doesNotReject(run(made));
 * }
 * ```
 */
export const storageCases: ReadonlyArray<StorageCase> = [
  {
    name: "transaction() commits the application's data and appended messages together",
    run: async ({ storage, put, get }) => {
      await storage.transaction(async (tx) => {
        await put(tx, "name", "Ada");
        await storage.outbox.append(tx, messages("a1 a2"));
      });
      expectSame("The data", await get("name"), "Ada");
      await expectRows(storage.outbox.open(SESSION), { a: "a1 a2" });
    },
  },
  {
    name: "transaction() rolls back the application's data and appended messages together",
    run: async ({ storage, put, get }) => {
      const thrown = new Error("Changed my mind");
      const run = storage.transaction(async (tx) => {
        await storage.outbox.append(tx, messages("a1 a2"));
        await put(tx, "name", "Ada");
        throw thrown;
      });
      expectSame("Whether the error came out", await rejection("The run", run) === thrown, true);
      expectSame("The data", await get("name"), undefined);
      await expectRows(storage.outbox.open(SESSION), {});
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "transaction() resolves to what the run gives",
    run: async ({ storage }) => {
      expectSame("The result", await storage.transaction(() => 7), 7);
      const result = { name: "Ada" };
      const given = await storage.transaction(() => Promise.resolve(result));
      expectSame("Whether it is the same", given === result, true);
    },
  },
  {
    name: "transaction() runs once, also when it throws",
    run: async ({ storage }) => {
      let runs = 0;
      const error = await rejection(
        "The run",
        storage.transaction(() => {
          runs++;
          return Promise.reject("no error object");
        }),
      );
      expectSame("The error", error, "no error object");
      expectSame("How often it was run", runs, 1);
    },
  },
  {
    name: "transaction() can be used again after one that threw",
    run: async ({ storage, put, get }) => {
      for (let n = 0; n < 3; n++) {
        await rejection(
          "The run",
          storage.transaction(async (tx) => {
            await put(tx, "name", `${n}`);
            throw new Error("Changed my mind");
          }),
        );
      }
      await storage.transaction((tx) => put(tx, "name", "Ada"));
      expectSame("The data", await get("name"), "Ada");
    },
  },
  {
    name: "transaction() shows nothing of what it writes before it is committed",
    needs: "concurrency",
    run: async ({ storage, put, get }) => {
      const written = gate();
      const looked = gate();
      const transaction = storage.transaction(async (tx) => {
        await put(tx, "name", "Ada");
        await storage.outbox.append(tx, messages("a1"));
        written.open();
        await looked.opened;
      });
      await Promise.race([written.opened, transaction]);
      const session = storage.outbox.open(SESSION);
      expectSame("The data before", await get("name"), undefined);
      await expectRows(session, {});
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
      looked.open();
      await transaction;
      expectSame("The data after", await get("name"), "Ada");
      await expectRows(session, { a: "a1" });
    },
  },
  {
    name: "transaction() does not disturb others that are open at the same time",
    needs: "concurrency",
    run: async ({ storage, open, put, get }) => {
      const other = await open();
      const [first, second] = [gate(), gate()];
      const failing = storage.transaction(async (tx) => {
        await put(tx, "first", "Ada");
        await storage.outbox.append(tx, messages("a1"));
        first.open();
        await second.opened;
        throw new Error("Changed my mind");
      });
      const committed = other.transaction(async (tx) => {
        await first.opened;
        await put(tx, "second", "Eve");
        await other.outbox.append(tx, messages("b1"));
      });
      await committed;
      second.open();
      await rejection("The run", failing);
      expectSame("The data of one", await get("first"), undefined);
      expectSame("The data of the other", await get("second"), "Eve");
      await expectRows(storage.outbox.open(SESSION), { b: "b1" });
    },
  },
  {
    name: "transaction() shows what is committed to other processes",
    run: async ({ storage, open }) => {
      const other = await open();
      await storage.outbox.store(messages("a1"));
      await other.transaction((tx) => other.outbox.append(tx, messages("b1")));
      await expectRows((await open()).outbox.open(SESSION), { a: "a1", b: "b1" });
    },
  },
  {
    name:
      "migrate() can be called again, by any number of processes at once, and keeps what is stored",
    run: async ({ storage, open }) => {
      await storage.outbox.store(messages("a1"));
      const others = [await open(), await open(), await open()];
      await Promise.all([storage, ...others].map((each) => each.migrate()));
      await storage.migrate();
      await storage.outbox.store(messages("b1"));
      const rows = await drain(storage.outbox.open(SESSION));
      expectSame("What is stored", sorted(rows), "a1 b1");
    },
  },
  {
    name: "replay keeps a run for whoever comes back to it",
    run: async ({ storage }) => {
      const event = { event: "item", data: "one", isLast: false };
      await (await storage.replay.create("run", "ada")).append(event);
      const reader = await storage.replay.open("run", "ada", 0);
      if (reader === undefined) throw new ConformanceError("There is no reader of the run");
      expectSame("The events", await reader.read(), [event]);
      await reader.close();
      expectSame("What was deleted", await storage.replay.delete("run", "ada"), true);
    },
  },
  {
    name: "append() refuses a transaction that has ended",
    run: async ({ storage }) => {
      const transactions: StorageTransaction[] = [];
      await storage.transaction(async (tx) => {
        transactions.push(tx);
        await storage.outbox.append(tx, messages("a1"));
      });
      for (const ended of transactions) {
        await expectError("append()", storage.outbox.append(ended, messages("a2")), TypeError);
      }
      await expectRows(storage.outbox.open(SESSION), { a: "a1" });
    },
  },
];
