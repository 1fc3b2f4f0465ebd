import type { SagaFilter, Storage } from "../storage/mod.ts";
import { ConformanceError, expectSame } from "./conformance_case.ts";
import { begin, beginAs, entry, expectRangeError, loaded } from "./saga_steps.ts";
import type { StorageCase } from "./storage_steps.ts";

async function idsOf({ sagas }: Storage, filter: SagaFilter = {}): Promise<readonly string[]> {
  return (await sagas.list(filter)).map(({ id }) => id);
}

/** What is known of all sagas, and what becomes of those that have ended. */
export const sagaListCases: readonly StorageCase[] = [
  {
    name: "sagas.list() gives sagas in the order of their start, as they are filtered",
    async run({ storage, advance }) {
      await begin(storage, "3");
      await advance(10_000);
      await beginAs(storage, "1", { status: "failed", error: "why" });
      await beginAs(storage, "2", { parkedReason: "so" }, { name: "other" });
      await beginAs(storage, "4", { status: "completed" });
      const list = (filter: SagaFilter) => idsOf(storage, filter);
      expectSame("All", await list({}), ["3", "1", "2", "4"]);
      expectSame("By name", await list({ name: "other" }), ["2"]);
      expectSame("By another name", await list({ name: "none" }), []);
      expectSame("By status", await list({ status: "failed" }), ["1"]);
      expectSame("By several", await list({ status: ["failed", "running"] }), ["3", "1", "2"]);
      expectSame("By none", await list({ status: [] }), []);
      expectSame("Parked", await list({ isParked: true }), ["2"]);
      expectSame("Not parked", await list({ isParked: false }), ["3", "1", "4"]);
      expectSame("By age", await list({ minAgeMs: 10_000 }), ["3"]);
      expectSame("By all", await list({ name: "order", status: "running", isParked: false }), [
        "3",
      ]);
    },
  },
  {
    name: "sagas.list() gives whole records, a part at a time",
    async run({ storage, open }) {
      const ids = Array.from({ length: 9 }, (_, n) => `saga${n}`);
      for (const id of ids) await begin(storage, id);
      await storage.sagas.checkpoint("saga4", 1, { status: "failed", error: "why", leaseMs: 0 });
      const elsewhere = await open();
      const seen: string[] = [];
      let after: string | undefined;
      for (;;) {
        const part = await elsewhere.sagas.list({ limit: 4, after });
        if (part.length === 0) break;
        seen.push(...part.map(({ id }) => id));
        after = part.at(-1)?.position;
      }
      expectSame("All", seen, ids);
      const found = (await elsewhere.sagas.list()).find(({ id }) => id === "saga4");
      const { position: _, ...record } = found ?? {};
      expectSame("One of them", record, (await loaded(storage, "saga4")).record);
    },
  },
  {
    name: "sagas.list() goes on behind one that is gone",
    async run({ storage, advance }) {
      await beginAs(storage, "1 2 3", { status: "completed" });
      const [, second] = await storage.sagas.list();
      await advance(1_000);
      expectSame("What is purged", await storage.sagas.purge({ olderThanMs: 500, limit: 2 }), 2);
      expectSame("The rest", await idsOf(storage, { after: second?.position }), ["3"]);
    },
  },
  {
    name: "sagas.statistics() counts what may need somebody",
    async run({ storage, advance }) {
      const { sagas } = storage;
      const none = {
        running: 0,
        waiting: 0,
        compensating: 0,
        failed: 0,
        parked: 0,
        lateSignals: 0,
      };
      expectSame("Nothing", await sagas.statistics(), none);
      await begin(storage, "1 2");
      await beginAs(storage, "3", { status: "waiting", resumeInMs: Infinity, leaseMs: 0 });
      await beginAs(storage, "4", { status: "compensating", leaseMs: 60_000 });
      await beginAs(storage, "5 6", { status: "failed" });
      await beginAs(storage, "7 8", { status: "running", parkedReason: "so" });
      await beginAs(storage, "9", { status: "completed" });
      await beginAs(storage, "10", { status: "compensated" });
      const counts = {
        running: 2,
        waiting: 1,
        compensating: 1,
        failed: 2,
        parked: 2,
        lateSignals: 0,
      };
      expectSame("The counts", await sagas.statistics(), counts);
      const { running, failed, parked, waiting } = await sagas.statistics({ maxCount: 1 });
      expectSame("Up to 1", [running, failed, parked, waiting], [1, 1, 1, 1]);
      await advance(70_000);
      const { oldestDueMs = NaN } = await sagas.statistics();
      if (!(oldestDueMs >= 5_000 && oldestDueMs <= 70_000)) {
        throw new ConformanceError(`The oldest has been due for ${oldestDueMs} ms`);
      }
    },
  },
  {
    name: "sagas.purge() deletes what was completed or compensated long ago, the oldest first",
    async run({ storage, advance }) {
      const { sagas } = storage;
      for (const status of ["failed", "running", "waiting", "compensating"] as const) {
        await beginAs(storage, status, { status });
      }
      await beginAs(storage, "parked", { parkedReason: "so" });
      await beginAs(storage, "old", { status: "completed", entries: [entry(2), entry(3)] });
      await advance(10_000);
      await beginAs(storage, "older", { status: "compensated" });
      await advance(10_000);
      await beginAs(storage, "young", { status: "completed" });
      expectSame("Too young", await sagas.purge({ olderThanMs: 30_000 }), 0);
      expectSame("One", await sagas.purge({ olderThanMs: 10_000, limit: 1 }), 1);
      expectSame("The first", await sagas.load("old"), undefined);
      expectSame("The next", await sagas.purge({ olderThanMs: 10_000, limit: 5 }), 1);
      expectSame("None", await sagas.purge({ olderThanMs: 10_000, limit: 5 }), 0);
      expectSame("All", await sagas.purge({ olderThanMs: 0 }), 1);
      expectSame("What is left", (await idsOf(storage)).toSorted(), [
        "compensating",
        "failed",
        "parked",
        "running",
        "waiting",
      ]);
      await begin(storage, "old");
      expectSame("A new one of the same id", (await loaded(storage, "old")).log.length, 1);
    },
  },
  {
    name: "sagas.purge() deletes the mailbox too",
    async run({ storage }) {
      await begin(storage, "1");
      await storage.sagas.signal("1", { id: "s", name: "paid", data: undefined });
      await storage.sagas.checkpoint("1", 1, { status: "completed", leaseMs: 0 });
      expectSame("It", await storage.sagas.purge({ olderThanMs: 0 }), 1);
      await begin(storage, "1");
      expectSame("The mailbox", await storage.sagas.signals("1"), []);
      expectSame("The count", (await loaded(storage, "1")).record.signals, 0);
    },
  },
  {
    name: "sagas refuse numbers of lists, counts and purges that are out of their range",
    async run({ storage: { sagas } }) {
      for (const limit of [0, 1_001, 1.5]) {
        await expectRangeError(`list of ${limit}`, () => sagas.list({ limit }));
      }
      await expectRangeError("list of age -1", () => sagas.list({ minAgeMs: -1 }));
      await expectRangeError("count to 0", () => sagas.statistics({ maxCount: 0 }));
      await expectRangeError("purge of age -1", () => sagas.purge({ olderThanMs: -1 }));
      await expectRangeError("purge of 0", () => sagas.purge({ olderThanMs: 0, limit: 0 }));
    },
  },
];
