import { ConformanceError, expectSame } from "./conformance_case.ts";
import {
  begin,
  beginAs,
  claimedIds,
  expectRangeError,
  loaded,
  SAGA_LEASE_MS,
  SAGA_NAME,
} from "./saga_steps.ts";
import type { StorageCase } from "./storage_steps.ts";

const OPTIONS = { owner: "recovery", leaseMs: SAGA_LEASE_MS, names: [SAGA_NAME], limit: 100 };

/** Which sagas a recovery is given. */
export const sagaDueCases: readonly StorageCase[] = [
  {
    name: "sagas.claimDue() gives what has not ended, is not parked, and nobody has",
    async run({ storage, advance }) {
      await beginAs(storage, "running");
      await beginAs(storage, "compensating", { status: "compensating" });
      await beginAs(storage, "waiting", { status: "waiting" });
      for (const status of ["completed", "compensated", "failed"] as const) {
        await beginAs(storage, status, { status });
      }
      await beginAs(storage, "parked", { parkedReason: "so" });
      await beginAs(storage, "other", {}, { name: "other" });
      await begin(storage, "live");
      const ids = await claimedIds(storage);
      expectSame("What is due", ids.toSorted(), ["compensating", "running", "waiting"]);
      expectSame("Once more", await claimedIds(storage), []);
      await advance(SAGA_LEASE_MS);
      const later = (await claimedIds(storage)).toSorted();
      expectSame("When leases are over", later, ["compensating", "live", "running", "waiting"]);
      expectSame("Of another name", await claimedIds(storage, { names: ["other"] }), ["other"]);
      expectSame("Of no name", await claimedIds(storage, { names: [] }), []);
    },
  },
  {
    name: "sagas.claimDue() gives each with its log, claimed",
    async run({ storage, open }) {
      await beginAs(storage, "1 2");
      const { sagas } = await open();
      const [first, second] = await sagas.claimDue(OPTIONS);
      expectSame("The logs", [first?.log.length, second?.log.length], [1, 1]);
      for (const { record } of [first, second].filter((found) => found !== undefined)) {
        const { id, owner, revision, attempts } = record;
        expectSame("What is claimed", { owner, revision, attempts }, {
          owner: "recovery",
          revision: 3,
          attempts: 1,
        });
        const write = await storage.sagas.checkpoint(id, 2, { status: "failed", leaseMs: 0 });
        expectSame("Who had it before", write, undefined);
        expectSame("Who has it", await sagas.checkpoint(id, 3, { leaseMs: 0 }), {
          revision: 4,
          signals: 0,
        });
      }
    },
  },
  {
    name: "sagas.claimDue() gives the one first that has been due the longest",
    async run({ storage, advance }) {
      for (const id of ["3", "1", "2"]) {
        await beginAs(storage, id);
        await advance(1_000);
      }
      expectSame("Two", await claimedIds(storage, { limit: 2 }), ["3", "1"]);
      expectSame("The rest", await claimedIds(storage, { limit: 2 }), ["2"]);
    },
  },
  {
    name: "sagas.claimDue() leaves alone what is to be left alone for a while",
    async run({ storage, advance }) {
      await beginAs(storage, "soon", { resumeInMs: 20_000 });
      await beginAs(storage, "never", { status: "waiting", resumeInMs: Infinity });
      const { record: { resumeInMs } } = await loaded(storage, "soon");
      if (!(resumeInMs > 0 && resumeInMs <= 20_000)) {
        throw new ConformanceError(`It is left alone for ${resumeInMs} ms`);
      }
      expectSame("The other", (await loaded(storage, "never")).record.resumeInMs, Infinity);
      expectSame("At once", await claimedIds(storage), []);
      await advance(20_000);
      expectSame("Later", await claimedIds(storage), ["soon"]);
      await advance(100 * SAGA_LEASE_MS);
      expectSame("Much later", await claimedIds(storage), ["soon"]);
      const claimed = await storage.sagas.claim("never", { owner: "me", leaseMs: SAGA_LEASE_MS });
      expectSame("It can be claimed by itself", claimed?.record.id, "never");
    },
  },
  {
    name: "sagas.claimDue() gives what was not written for a while, if that is asked for",
    async run({ storage, advance }) {
      await beginAs(storage, "1");
      await advance(10_000);
      await beginAs(storage, "2");
      expectSame("Long ago", await claimedIds(storage, { idleMs: 10_000 }), ["1"]);
      expectSame("The rest", await claimedIds(storage), ["2"]);
    },
  },
  {
    name:
      "sagas.claimDue() counts attempts until a saga gets on, and leaves it alone for longer each time",
    async run({ storage, advance }) {
      const { sagas } = storage;
      const options = { ...OPTIONS, backoffMs: 10_000, maxBackoffMs: 25_000 };
      await beginAs(storage, "1");
      for (const [n, backoffMs] of [10_000, 20_000, 25_000, 25_000].entries()) {
        const [claimed] = await sagas.claimDue(options);
        expectSame(`Attempt ${n + 1}`, claimed?.record.attempts, n + 1);
        await advance(SAGA_LEASE_MS + backoffMs - 3_000);
        expectSame("Too early", await claimedIds(storage), []);
        await advance(3_000);
      }
      const [claimed] = await sagas.claimDue(options);
      const revision = claimed?.record.revision ?? 0;
      await sagas.checkpoint("1", revision, { leaseMs: 0 });
      expectSame("Given up, with nothing done", await claimedIds(storage), []);
      await advance(SAGA_LEASE_MS + 25_000);
      const [again] = await sagas.claimDue(options);
      expectSame("Attempts", again?.record.attempts, 6);
      const change = { hasProgressed: true, leaseMs: 0 };
      await sagas.checkpoint("1", again?.record.revision ?? 0, change);
      const [fresh] = await sagas.claimDue(options);
      expectSame("Once it has got on", fresh?.record.attempts, 1);
    },
  },
  {
    name: "sagas.claimDue() gives what is parked no more",
    async run({ storage }) {
      const { sagas } = storage;
      await beginAs(storage, "1", { parkedReason: "so" });
      expectSame("While it is parked", await claimedIds(storage), []);
      await sagas.checkpoint("1", 2, { parkedReason: null, leaseMs: 0 });
      expectSame("After that", await claimedIds(storage), ["1"]);
    },
  },
  {
    name: "sagas.claimDue() at the same time shares what is due",
    needs: "concurrency",
    async run({ storage, open }) {
      const ids = Array.from({ length: 40 }, (_, n) => `${n}`);
      await Promise.all(ids.map((id) => beginAs(storage, id)));
      const storages = [storage, await open(), await open(), await open()];
      const shares = await Promise.all(storages.map(async (one) => {
        const claimed: string[] = [];
        for (;;) {
          const more = await claimedIds(one, { limit: 3 });
          if (more.length === 0) return claimed;
          claimed.push(...more);
        }
      }));
      // Who finds all rows taken at the moment looks away; the next look finds the rest.
      const rest = await claimedIds(storage);
      expectSame("All of it", [...shares.flat(), ...rest].toSorted(), ids.toSorted());
    },
  },
  {
    name: "sagas.claimDue() refuses numbers that are out of their range",
    async run({ storage: { sagas } }) {
      for (const limit of [0, 1_001, 1.5, NaN]) {
        await expectRangeError(`limit ${limit}`, () => sagas.claimDue({ ...OPTIONS, limit }));
      }
      for (const name of ["idleMs", "backoffMs", "maxBackoffMs"]) {
        for (const value of [-1, NaN, Infinity]) {
          const options = { ...OPTIONS, [name]: value };
          await expectRangeError(`${name} ${value}`, () => sagas.claimDue(options));
        }
      }
    },
  },
];
