import { ConformanceError, expectSame } from "./conformance_case.ts";
import {
  begin,
  beginAs,
  claimedIds,
  entry,
  expectRangeError,
  loaded,
  newSaga,
  SAGA_LEASE_MS,
} from "./saga_steps.ts";
import type { StorageCase } from "./storage_steps.ts";

const OTHER = { owner: "other", leaseMs: SAGA_LEASE_MS };

/** Who may write to a saga: claims, leases and what keeps them. */
export const sagaClaimCases: readonly StorageCase[] = [
  {
    name: "sagas.claim() takes what nobody has, and fences whoever had it",
    async run({ storage, open, advance }) {
      await begin(storage, "1");
      const { sagas } = await open();
      expectSame("While somebody has it", await sagas.claim("1", OTHER), undefined);
      expectSame("Of none", await sagas.claim("none", OTHER), undefined);
      await advance(SAGA_LEASE_MS);
      const claimed = await sagas.claim("1", OTHER);
      const { owner, revision, attempts } = claimed?.record ?? {};
      expectSame("What is claimed", { owner, revision, attempts }, {
        owner: "other",
        revision: 2,
        attempts: 1,
      });
      expectSame("With its log", claimed?.log.length, 1);
      const late = { status: "completed", entries: [entry(2)], leaseMs: 0 } as const;
      expectSame("A late write", await storage.sagas.checkpoint("1", 1, late), undefined);
      expectSame("A late keep", await storage.sagas.keep([{ id: "1", revision: 1 }], 60_000), [
        undefined,
      ]);
      const { record, log } = await loaded(storage, "1");
      expectSame("It stands", [record.status, record.owner, log.length], ["running", "other", 1]);
      expectSame("The new owner", await sagas.checkpoint("1", 2, { leaseMs: 0 }), {
        revision: 3,
        signals: 0,
      });
    },
  },
  {
    name: "sagas.claim() takes what was given up at once",
    async run({ storage }) {
      await beginAs(storage, "1");
      const { record } = await loaded(storage, "1");
      expectSame("Nobody has it", [record.owner, record.leaseLeftMs], [undefined, 0]);
      const claimed = await storage.sagas.claim("1", OTHER);
      expectSame("The revision", claimed?.record.revision, 3);
    },
  },
  {
    name: "sagas.claim() at the same time gives it to one",
    needs: "concurrency",
    async run({ storage, open }) {
      const storages = [storage, await open()];
      for (const id of ["1", "2", "3", "4", "5"]) {
        await beginAs(storage, id);
        const claims = await Promise.all(
          Array.from(
            { length: 8 },
            (_, n) => storages[n % 2]?.sagas.claim(id, { owner: `${n}`, leaseMs: SAGA_LEASE_MS }),
          ),
        );
        const won = claims.filter((claim) => claim !== undefined);
        expectSame("How many have it", won.length, 1);
        expectSame("Its revision", won[0]?.record.revision, 3);
      }
    },
  },
  {
    name: "sagas.claim() takes what has ended or is parked, which does not become due",
    async run({ storage, advance }) {
      const { sagas } = storage;
      await beginAs(storage, "1", { status: "failed" });
      await beginAs(storage, "2", { parkedReason: "so" });
      for (const id of ["1", "2"]) {
        const claimed = await sagas.claim(id, OTHER);
        if (claimed === undefined) throw new ConformanceError(`claim("${id}") gave nothing`);
      }
      await advance(2 * SAGA_LEASE_MS);
      expectSame("What is due", await claimedIds(storage), []);
    },
  },
  {
    name: "sagas.keep() makes leases last, and says which are lost",
    async run({ storage, advance }) {
      const { sagas } = storage;
      await begin(storage, "1 2 3");
      await advance(SAGA_LEASE_MS - 10_000);
      const holds = ["1", "none", "2"].map((id) => ({ id, revision: id === "2" ? 7 : 1 }));
      expectSame("What is kept", await sagas.keep(holds, SAGA_LEASE_MS), [
        { revision: 1, signals: 0 },
        undefined,
        undefined,
      ]);
      expectSame("Nothing", await sagas.keep([], SAGA_LEASE_MS), []);
      await advance(SAGA_LEASE_MS - 10_000);
      expectSame("The one that was kept", await sagas.claim("1", OTHER), undefined);
      expectSame("What is due", (await claimedIds(storage)).toSorted(), ["2", "3"]);
      const { record } = await loaded(storage, "1");
      expectSame("Its revision", record.revision, 1);
      if (!(record.leaseLeftMs > 0 && record.leaseLeftMs <= 10_000)) {
        throw new ConformanceError(`Its lease lasts ${record.leaseLeftMs} ms more`);
      }
    },
  },
  {
    name: "sagas.checkpoint() makes the lease last too",
    async run({ storage, advance }) {
      const { sagas } = storage;
      await begin(storage, "1");
      for (let n = 1; n <= 4; n++) {
        await advance(SAGA_LEASE_MS - 10_000);
        await sagas.checkpoint("1", n, { leaseMs: SAGA_LEASE_MS });
        expectSame("A claim", await sagas.claim("1", OTHER), undefined);
        expectSame("What is due", await claimedIds(storage), []);
      }
    },
  },
  {
    name: "sagas refuse leases that are out of their range",
    async run({ storage: { sagas } }) {
      for (const leaseMs of [0, -1, NaN, Infinity]) {
        const lease = { owner: "owner", leaseMs };
        await expectRangeError(`create for ${leaseMs} ms`, () => sagas.create(newSaga("1"), lease));
        await expectRangeError(`claim for ${leaseMs} ms`, () => sagas.claim("1", lease));
        const due = { ...lease, names: [], limit: 1 };
        await expectRangeError(`claimDue for ${leaseMs} ms`, () => sagas.claimDue(due));
      }
      expectSame("It", await sagas.load("1"), undefined);
    },
  },
];
