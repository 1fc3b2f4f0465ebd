import type { Storage } from "../storage/mod.ts";
import { ConformanceError, expectSame } from "./conformance_case.ts";
import { sagaClaimCases } from "./saga_claim_cases.ts";
import { sagaDueCases } from "./saga_due_cases.ts";
import { sagaEdgeCases } from "./saga_edge_cases.ts";
import { sagaListCases } from "./saga_list_cases.ts";
import { sagaSignalCases } from "./saga_signal_cases.ts";
import { begin, entry, loaded, newSaga, SAGA_LEASE_MS } from "./saga_steps.ts";
import { message, readAll, SESSION, type StorageCase, textOf } from "./storage_steps.ts";

const LEASE = { owner: "owner", leaseMs: SAGA_LEASE_MS };

/** What databases are known to stumble over. */
const HOSTILE = `größe 🔑 \u0000 \ud800 ' " \\ $1 {}`;

const HOSTILE_JSON = JSON.stringify({ text: HOSTILE, long: "x".repeat(50_000) });
const HOSTILE_METADATA = JSON.stringify({ headers: { text: HOSTILE } });

/** Starts a saga and writes to it; gives the entries of its log. */
async function writeHostile({ sagas }: Pick<Storage, "sagas">) {
  const id = "größe 🔑";
  const error = "größe 🔑 ' \" \\";
  const texts = { context: HOSTILE_JSON, metadata: HOSTILE_METADATA };
  await sagas.create(newSaga(id, { version: 3, ...texts, entries: [] }), LEASE);
  const entries = [
    entry(1, { status: "completed", result: HOSTILE_JSON }),
    entry(2, { action: "compensate", part: "secondary", status: "retrying", attempt: 7 }),
    entry(3, { status: "failed", error }),
    entry(4, { action: "turn_back", step: undefined, status: "completed" }),
  ];
  const change = { status: "compensating", error, entries, leaseMs: SAGA_LEASE_MS } as const;
  await sagas.checkpoint(id, 1, change);
  return entries;
}

const createCases: readonly StorageCase[] = [
  {
    name: "sagas.create() starts a saga once",
    async run({ storage, open }) {
      const { sagas } = storage;
      expectSame("The first", await sagas.create(newSaga("1"), LEASE), true);
      const again = newSaga("1", { name: "other", context: "{}" });
      expectSame("The second", await sagas.create(again, LEASE), false);
      const elsewhere = await open();
      expectSame("Elsewhere", await elsewhere.sagas.create(again, LEASE), false);
      const { record, log } = await loaded(elsewhere, "1");
      expectSame("Its name", record.name, "order");
      expectSame("Its log", log.length, 1);
      expectSame("Its times", record.updatedAt, record.createdAt);
    },
  },
  {
    name: "sagas.create() of one id at the same time starts it once",
    needs: "concurrency",
    async run({ storage, open }) {
      const storages = [storage, await open()];
      const starts = await Promise.all(
        Array.from(
          { length: 10 },
          (_, n) =>
            storages[n % 2]?.sagas.create(newSaga("1", { context: `{"n":${n}}` }), {
              owner: `owner ${n}`,
              leaseMs: SAGA_LEASE_MS,
            }),
        ),
      );
      expectSame("Who did", starts.filter((did) => did === true).length, 1);
      const { record } = await loaded(storage, "1");
      expectSame("The owner", record.owner, `owner ${starts.indexOf(true)}`);
      expectSame("The context", record.context, `{"n":${starts.indexOf(true)}}`);
    },
  },
  {
    name: "sagas.load() gives what was written, whatever it says",
    async run({ storage, open }) {
      const entries = await writeHostile(storage);
      const { record, log } = await loaded(await open(), "größe 🔑");
      const { leaseLeftMs, createdAt, updatedAt, ...rest } = record;
      expectSame("The saga", rest, {
        id: "größe 🔑",
        name: "order",
        version: 3,
        status: "compensating",
        context: HOSTILE_JSON,
        metadata: HOSTILE_METADATA,
        revision: 2,
        attempts: 0,
        error: "größe 🔑 ' \" \\",
        owner: "owner",
        resumeInMs: 0,
        signals: 0,
      });
      if (!(leaseLeftMs > 0 && leaseLeftMs <= SAGA_LEASE_MS)) {
        throw new ConformanceError(`Its lease lasts ${leaseLeftMs} ms more`);
      }
      if (!(createdAt instanceof Date && updatedAt >= createdAt)) {
        throw new ConformanceError(`It was started at ${createdAt}, and written at ${updatedAt}`);
      }
      expectSame("The log", log.map(({ at: _, ...entry }) => entry), entries);
      if (!log.every(({ at }) => at instanceof Date && at >= createdAt && at <= updatedAt)) {
        throw new ConformanceError("An entry of the log was written at another time");
      }
    },
  },
  {
    name: "sagas.checkpoint() keeps an error with characters that a database does not take",
    async run({ storage }) {
      await begin(storage, "1");
      const change = { error: HOSTILE, parkedReason: HOSTILE, leaseMs: 0 };
      const entries = [entry(2, { status: "failed", error: HOSTILE })];
      await storage.sagas.checkpoint("1", 1, { ...change, entries });
      const { record, log } = await loaded(storage, "1");
      for (const text of [record.error, record.parkedReason, log[1]?.error]) {
        if (text?.startsWith("größe 🔑 ") !== true || !text.endsWith(`' " \\ $1 {}`)) {
          throw new ConformanceError(`The error is ${text}`);
        }
      }
    },
  },
  {
    name: "sagas.load() of what is not there gives nothing",
    async run({ storage }) {
      expectSame("It", await storage.sagas.load("none"), undefined);
    },
  },
];

const checkpointCases: readonly StorageCase[] = [
  {
    name: "sagas.checkpoint() writes under the present revision alone, and raises it",
    async run({ storage, open }) {
      await begin(storage, "1 2");
      const { sagas } = await open();
      const leaseMs = SAGA_LEASE_MS;
      const first = await sagas.checkpoint("1", 1, { context: `{"n":1}`, leaseMs });
      expectSame("The first", first, { revision: 2, signals: 0 });
      const stale = await storage.sagas.checkpoint("1", 1, {
        status: "completed",
        context: `{"n":2}`,
        error: "no",
        parkedReason: "no",
        entries: [entry(2)],
        messages: [message("a1")],
        leaseMs: 0,
      });
      expectSame("A stale one", stale, undefined);
      const { record, log } = await loaded(storage, "1");
      const { status, context, revision, error, parkedReason, owner } = record;
      expectSame("The saga", { status, context, revision, error, parkedReason, owner }, {
        status: "running",
        context: `{"n":1}`,
        revision: 2,
        owner: "owner of 1",
      });
      expectSame("Its log", log.length, 1);
      expectSame("Messages", await readAll(storage.outbox.open(SESSION)), []);
      expectSame("The next", await sagas.checkpoint("1", 2, { leaseMs }), {
        revision: 3,
        signals: 0,
      });
      expectSame("One ahead", await sagas.checkpoint("1", 9, { leaseMs }), undefined);
      expectSame("Of none", await sagas.checkpoint("none", 1, { leaseMs }), undefined);
      expectSame("Another saga", (await loaded(storage, "2")).record.revision, 1);
    },
  },
  {
    name: "sagas.checkpoint() of one revision at the same time writes once",
    needs: "concurrency",
    async run({ storage, open }) {
      await begin(storage, "1");
      const storages = [storage, await open()];
      const holds = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          storages[n % 2]?.sagas.checkpoint("1", 1, {
            context: `{"n":${n}}`,
            entries: [entry(2, { attempt: n + 1 })],
            messages: [message(`a${n}`)],
            leaseMs: SAGA_LEASE_MS,
          })),
      );
      const won = holds.findIndex((hold) => hold !== undefined);
      expectSame("Who did", holds.filter((hold) => hold !== undefined).length, 1);
      const { record, log } = await loaded(storage, "1");
      expectSame("The context", record.context, `{"n":${won}}`);
      expectSame("The log", log.map(({ attempt }) => attempt), [1, won + 1]);
      const rows = await readAll(storage.outbox.open(SESSION));
      expectSame("The messages", rows.map(textOf), [`a${won}`]);
    },
  },
  {
    name: "sagas.checkpoint() leaves what it does not name, and forgets what it is told to",
    async run({ storage, advance }) {
      const { sagas } = storage;
      await begin(storage, "1");
      const { record: { updatedAt } } = await loaded(storage, "1");
      await advance(5);
      const change = { status: "compensating", error: "why", parkedReason: "so" } as const;
      await sagas.checkpoint("1", 1, { ...change, context: "{}", leaseMs: 0 });
      await sagas.checkpoint("1", 2, { entries: [entry(2), entry(3)], leaseMs: 0 });
      const kept = (await loaded(storage, "1")).record;
      expectSame("What is kept", [kept.status, kept.error, kept.parkedReason, kept.context], [
        "compensating",
        "why",
        "so",
        "{}",
      ]);
      if (!(kept.updatedAt > updatedAt)) throw new ConformanceError("It was not written later");
      await sagas.checkpoint("1", 3, { error: null, parkedReason: null, leaseMs: 0 });
      const { record: { error, parkedReason, status }, log } = await loaded(storage, "1");
      expectSame("What is forgotten", { error, parkedReason }, {});
      expectSame("The rest", status, "compensating");
      expectSame("The log", log.map(({ number }) => number), [1, 2, 3]);
    },
  },
  {
    name: "sagas.checkpoint() stores messages with it, in their order, and wakes relays",
    async run({ storage }) {
      await begin(storage, "1");
      let woken = 0;
      const subscription = await storage.outbox.subscribe(() => woken++);
      const messages = [message("a1"), message("a2"), message("b1")];
      await storage.sagas.checkpoint("1", 1, { messages, leaseMs: SAGA_LEASE_MS });
      await subscription[Symbol.asyncDispose]();
      const rows = await readAll(storage.outbox.open(SESSION));
      expectSame("The messages", rows.map(textOf).sort(), ["a1", "a2", "b1"]);
      const ofA = rows.filter(({ envelope }) => envelope.key === "a");
      expectSame("Of one key", ofA.map(textOf), ["a1", "a2"]);
      expectSame(
        "The first as it was",
        rows.find((row) => textOf(row) === "a1")?.envelope.headers,
        {},
      );
      if (woken === 0) throw new ConformanceError("Nobody was woken");
    },
  },
  {
    name: "sagas.checkpoint() keeps logs apart, and in their order",
    async run({ storage }) {
      await begin(storage, "1 10 2");
      for (let n = 2; n <= 12; n++) {
        for (const id of ["1", "10", "2"]) {
          const entries = [entry(n, { step: `${id} ${n}` })];
          await storage.sagas.checkpoint(id, n - 1, { entries, leaseMs: SAGA_LEASE_MS });
        }
      }
      for (const id of ["1", "10", "2"]) {
        const { log } = await loaded(storage, id);
        const steps = Array.from({ length: 11 }, (_, n) => `${id} ${n + 2}`);
        expectSame(`The log of ${id}`, log.map(({ step }) => step), ["reserve", ...steps]);
      }
    },
  },
];

/** Every behaviour that the sagas of a storage must show. */
export const sagaStoreCases: readonly StorageCase[] = [
  ...createCases,
  ...checkpointCases,
  ...sagaClaimCases,
  ...sagaDueCases,
  ...sagaSignalCases,
  ...sagaListCases,
  ...sagaEdgeCases,
];
