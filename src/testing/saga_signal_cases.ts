import { ConformanceError, expectSame } from "./conformance_case.ts";
import { begin, beginAs, claimedIds, loaded, newSaga, SAGA_LEASE_MS } from "./saga_steps.ts";
import type { StorageCase } from "./storage_steps.ts";

const SIGNAL = { id: "s1", name: "paid", data: `{"euros":40}` };
const WAITING = { status: "waiting", leaseMs: 0, resumeInMs: Infinity } as const;

/** The mailbox of a saga. */
export const sagaSignalCases: readonly StorageCase[] = [
  {
    name: "sagas.signal() keeps what comes early, in order, and the same once",
    async run({ storage, open }) {
      await begin(storage, "1 2");
      const { sagas } = await open();
      expectSame("The first", await sagas.signal("1", SIGNAL), "stored");
      expectSame("Another", await sagas.signal("1", { ...SIGNAL, id: "a0" }), "stored");
      expectSame("Again", await sagas.signal("1", { ...SIGNAL, name: "x" }), "stored");
      const signals = await storage.sagas.signals("1");
      expectSame("The mailbox", signals.map(({ at: _, ...signal }) => signal), [
        SIGNAL,
        { ...SIGNAL, id: "a0" },
      ]);
      if (!signals.every(({ at }) => at instanceof Date)) {
        throw new ConformanceError("A signal has no time");
      }
      expectSame("The count", (await loaded(storage, "1")).record.signals, 2);
      expectSame("Another saga's", await storage.sagas.signals("2"), []);
      expectSame("Of none", await sagas.signal("none", SIGNAL), undefined);
      expectSame("Of none, read", await sagas.signals("none"), []);
    },
  },
  {
    name: "sagas.signal() keeps what JSON says, whatever that is",
    async run({ storage }) {
      await begin(storage, "1");
      const data = JSON.stringify({ text: `größe 🔑 \u0000 \ud800 ' " \\ $1` });
      await storage.sagas.signal("1", { id: "größe", name: "größe 🔑 '", data });
      await storage.sagas.signal("1", { id: "none", name: "none", data: undefined });
      const signals = await storage.sagas.signals("1");
      expectSame("The mailbox", signals.map(({ id, name, data }) => [id, name, data ?? null]), [
        ["größe", "größe 🔑 '", data],
        ["none", "none", null],
      ]);
    },
  },
  {
    name:
      "sagas.signal() leaves the owner of a running saga alone, and is told with its next write",
    async run({ storage, open }) {
      await begin(storage, "1");
      const { sagas } = await open();
      await sagas.signal("1", SIGNAL);
      expectSame("Kept", await storage.sagas.keep([{ id: "1", revision: 1 }], SAGA_LEASE_MS), [
        { revision: 1, signals: 1 },
      ]);
      await sagas.signal("1", { ...SIGNAL, id: "s2" });
      const hold = await storage.sagas.checkpoint("1", 1, { leaseMs: SAGA_LEASE_MS });
      expectSame("Written", hold, { revision: 2, signals: 2 });
      const taken = await storage.sagas.checkpoint("1", 2, {
        consumed: ["s1", "none"],
        leaseMs: SAGA_LEASE_MS,
      });
      expectSame("Taken in", taken, { revision: 3, signals: 1 });
      const left = await sagas.signals("1");
      expectSame("What is left", left.map(({ id }) => id), ["s2"]);
      expectSame("Nobody else", await sagas.claim("1", { owner: "x", leaseMs: 1_000 }), undefined);
    },
  },
  {
    name: "sagas.signal() wakes a saga that waits",
    async run({ storage }) {
      await beginAs(storage, "1 2", WAITING);
      expectSame("Before", await claimedIds(storage), []);
      await storage.sagas.signal("1", SIGNAL);
      expectSame("It can go on", (await loaded(storage, "1")).record.resumeInMs, 0);
      expectSame("After", await claimedIds(storage), ["1"]);
    },
  },
  {
    name: "sagas.signal() does not wake what is parked, but is kept",
    async run({ storage }) {
      await beginAs(storage, "1", { ...WAITING, parkedReason: "so" });
      expectSame("It", await storage.sagas.signal("1", SIGNAL), "stored");
      expectSame("What is due", await claimedIds(storage), []);
      await storage.sagas.checkpoint("1", 2, { parkedReason: null, leaseMs: 0 });
      expectSame("Later", await claimedIds(storage), ["1"]);
      expectSame("The mailbox", (await storage.sagas.signals("1")).length, 1);
    },
  },
  {
    name: "sagas.signal() to a saga that has ended is late, and counted",
    async run({ storage }) {
      const { sagas } = storage;
      for (const status of ["completed", "compensated", "failed"] as const) {
        await beginAs(storage, status, { status });
        expectSame(`A signal to a ${status} one`, await sagas.signal(status, SIGNAL), "late");
        expectSame("Its mailbox", await sagas.signals(status), []);
      }
      expectSame("How many", (await sagas.statistics()).lateSignals, 3);
    },
  },
  {
    name: "sagas.signal() at the time at which a saga begins to wait is not missed",
    needs: "concurrency",
    async run({ storage, open }) {
      const elsewhere = await open();
      for (let n = 0; n < 25; n++) {
        const id = `saga ${n}`;
        await storage.sagas.create(newSaga(id), { owner: "owner", leaseMs: SAGA_LEASE_MS });
        const [hold, told] = await Promise.all([
          storage.sagas.checkpoint(id, 1, WAITING),
          elsewhere.sagas.signal(id, SIGNAL),
        ]);
        expectSame("It", told, "stored");
        const ids = await claimedIds(elsewhere);
        if (hold !== undefined && hold.signals === 0 && !ids.includes(id)) {
          throw new ConformanceError(`${id} waits, with a signal that nobody was told of`);
        }
      }
    },
  },
];
