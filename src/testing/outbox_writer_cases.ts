import type { OutboxRow } from "../storage/mod.ts";
import { ConformanceError, expectSame } from "./conformance_case.ts";
import {
  drain,
  expectAll,
  inLanes,
  leaveOpen,
  message,
  published,
  readAll,
  SESSION,
  sorted,
  type StorageCase,
  textOf,
} from "./storage_steps.ts";

/** The texts of messages that a writer stores one after the other, in the order in which they are given. */
function textsOf(rows: readonly OutboxRow[], writer: number): string[] {
  return rows.map(textOf).filter((text) => text.startsWith(`${writer} `));
}

/** What happens when many write to an outbox at the same time. */
export const outboxWriterCases: ReadonlyArray<StorageCase> = [
  {
    name: "store() of many to one key at once loses and doubles nothing",
    run: async ({ storage, open }) => {
      const stores = [storage.outbox, (await open()).outbox, (await open()).outbox];
      const batches = Array.from(
        { length: 30 },
        (_, n) => [0, 1, 2].map((m) => message(`${n} ${m}`, { key: "a" })),
      );
      await Promise.all(batches.map((batch, n) => stores[n % 3]?.store(batch)));
      const rows = await drain(storage.outbox.open(SESSION), 7);
      expectSame(
        "What was read",
        sorted(rows),
        batches.flat().map(({ id }) => id).sort().join(" "),
      );
      for (const [n, batch] of batches.entries()) {
        expectSame("The order of one transaction", textsOf(rows, n), batch.map(({ id }) => id));
      }
    },
  },
  {
    name: "append() to one key in transactions that are open at the same time makes none fail",
    needs: "concurrency",
    run: async ({ storage, open, put, get }) => {
      const other = await open();
      const standing = [storage, other].map((each, n) =>
        leaveOpen(each, async (tx) => {
          await put(tx, `name ${n}`, "Ada");
          await each.outbox.append(tx, [message(`${n} 0`, { key: "a" })]);
        })
      );
      for (const { done } of standing) await done;
      for (const { commit } of standing) await commit();
      expectSame("The data", [await get("name 0"), await get("name 1")], ["Ada", "Ada"]);
      expectSame("What was read", sorted(await readAll(storage.outbox.open(SESSION))), "0 0 1 0");
    },
  },
  {
    name: "read() passes over nothing that is stored while it reads, and keeps each writer's order",
    run: async ({ storage, open }) => {
      const writers = 6;
      const each = 20;
      const session = (await open()).outbox.open(SESSION);
      const rows: OutboxRow[] = [];
      const write = async (writer: number) => {
        for (let n = 10; n < 10 + each; n++) {
          await storage.transaction((tx) =>
            storage.outbox.append(tx, [
              message(`${writer} ${n} shared`, { key: "shared" }),
              message(`${writer} ${n} own`, { key: `own ${writer}` }),
            ])
          );
        }
      };
      const read = async () => {
        for (let round = 0; rows.length < writers * each * 2; round++) {
          if (round > 20_000) throw new ConformanceError(`Only ${rows.length} rows were read`);
          const more = await session.read(5);
          await session.settle(more.map(published));
          rows.push(...more);
        }
      };
      await Promise.all([read(), ...Array.from({ length: writers }, (_, n) => write(n))]);
      for (const kind of ["shared", "own"]) {
        for (let writer = 0; writer < writers; writer++) {
          const texts = textsOf(rows, writer).filter((text) => text.endsWith(kind));
          expectSame(`What writer ${writer} stored`, texts, [...texts].sort());
          expectSame("How many", texts.length, each);
        }
      }
      expectSame("What is left", inLanes(await readAll(session)), {});
    },
  },
  {
    name: "append() of many messages in one transaction keeps all of them, in order",
    run: async ({ storage, put, get }) => {
      const all = Array.from(
        { length: 60 },
        (_, n) => message(`${1_000 + n}`, { key: ["a", "b", undefined][n % 3] }),
      );
      await storage.transaction(async (tx) => {
        await put(tx, "name", "Ada");
        for (let n = 0; n < 60; n += 20) await storage.outbox.append(tx, all.slice(n, n + 20));
      });
      expectAll(await drain(storage.outbox.open(SESSION)), all);
      expectSame("The data", await get("name"), "Ada");
    },
  },
];
