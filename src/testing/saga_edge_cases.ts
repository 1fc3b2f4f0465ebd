import type { NewSagaLogEntry } from "../storage/mod.ts";
import { expectSame } from "./conformance_case.ts";
import { begin, beginAs, claimedIds, entry, loaded, SAGA_LEASE_MS } from "./saga_steps.ts";
import { message, readAll, SESSION, type StorageCase, textOf } from "./storage_steps.ts";

const SIGNAL = { id: "s1", name: "paid", data: undefined };

/** Entries by which steps are begun, behind others of all kinds: storages may keep two of them as one. */
const STARTS = [
  [entry(2, { status: "completed", result: "{}" }), entry(3)],
  [entry(4, { status: "failed", error: "no" }), entry(5, { action: "compensate" })],
  [
    entry(6, { status: "completed" }),
    entry(7, { part: "secondary" }),
    entry(8, { attempt: 2 }),
    entry(9, { step: "ship" }),
    entry(10),
  ],
  [entry(11)],
];

/** What sagas do where two rules meet. */
export const sagaEdgeCases: readonly StorageCase[] = [
  {
    name: "sagas.checkpoint() under a stale revision leaves the mailbox and the lease",
    async run({ storage }) {
      const { sagas } = storage;
      await begin(storage, "1");
      await sagas.checkpoint("1", 1, { leaseMs: SAGA_LEASE_MS });
      await sagas.signal("1", SIGNAL);
      const stale = { consumed: ["s1"], hasProgressed: true, resumeInMs: Infinity, leaseMs: 0 };
      expectSame("It", await sagas.checkpoint("1", 1, stale), undefined);
      expectSame("The mailbox", (await sagas.signals("1")).map(({ id }) => id), ["s1"]);
      const { owner, resumeInMs, signals } = (await loaded(storage, "1")).record;
      expectSame("The saga", [owner, resumeInMs, signals], ["owner of 1", 0, 1]);
    },
  },
  {
    name: "sagas.checkpoint() replaces the context whole, and shows all of it to others",
    async run({ storage, open }) {
      const { sagas } = storage;
      await begin(storage, "1", { context: `{"a":1,"b":2}` });
      const change = { entries: [entry(2)], messages: [message("a1")], leaseMs: 0 };
      await sagas.checkpoint("1", 1, { ...change, status: "compensating", context: `{"b":3}` });
      const elsewhere = await open();
      const { record, log } = await loaded(elsewhere, "1");
      expectSame("The saga", [record.status, record.context, log.length], [
        "compensating",
        `{"b":3}`,
        2,
      ]);
      expectSame("The messages", (await readAll(elsewhere.outbox.open(SESSION))).map(textOf), [
        "a1",
      ]);
    },
  },
  {
    name: "sagas.checkpoint() keeps each start of a step, whatever stands before it",
    async run({ storage }) {
      const expectLog = async (id: string, entries: readonly NewSagaLogEntry[]) => {
        const { log } = await loaded(storage, id);
        expectSame(`The log of ${id}`, log.map(({ at: _, ...rest }) => rest), entries);
      };
      const first = [[], [entry(1)], [entry(1, { status: "completed" })], [entry(1), entry(2)]];
      for (const [n, entries] of first.entries()) {
        await begin(storage, `${n}`, { entries });
        await expectLog(`${n}`, entries);
      }
      const log = [entry(1)];
      for (const [n, entries] of STARTS.entries()) {
        await storage.sagas.checkpoint("1", n + 1, { entries, leaseMs: SAGA_LEASE_MS });
        log.push(...entries);
        await expectLog("1", log);
      }
    },
  },
  {
    name: "sagas.keep() keeps several at once, in the order asked for",
    async run({ storage, advance }) {
      const { sagas } = storage;
      await begin(storage, "1 2 3");
      await sagas.checkpoint("2", 1, { leaseMs: SAGA_LEASE_MS });
      await sagas.signal("3", SIGNAL);
      await advance(SAGA_LEASE_MS - 10_000);
      const holds = [["3", 1], ["1", 1], ["2", 2]] as const;
      const kept = await sagas.keep(
        holds.map(([id, revision]) => ({ id, revision })),
        SAGA_LEASE_MS,
      );
      expectSame("What is kept", kept, [
        { revision: 1, signals: 1 },
        { revision: 1, signals: 0 },
        { revision: 2, signals: 0 },
      ]);
      await advance(20_000);
      expectSame("What is due", await claimedIds(storage), []);
    },
  },
  {
    name: "sagas.statistics() has nothing due while all sagas wait, are parked or have ended",
    async run({ storage }) {
      await beginAs(storage, "1", { status: "waiting", resumeInMs: Infinity });
      await beginAs(storage, "2", { status: "waiting", parkedReason: "so" });
      await beginAs(storage, "3", { status: "failed", parkedReason: "so" });
      await beginAs(storage, "4", { status: "completed" });
      const { waiting, failed, parked, oldestDueMs } = await storage.sagas.statistics();
      expectSame("The counts", [waiting, failed, parked, oldestDueMs], [1, 0, 2, undefined]);
    },
  },
];
