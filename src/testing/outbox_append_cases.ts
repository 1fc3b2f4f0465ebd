import type { Envelope } from "../message/mod.ts";
import { expectSame } from "./conformance_case.ts";
import { notificationOf } from "./storage_messages.ts";
import {
  expectAll,
  expectEnvelope,
  expectRows,
  message,
  messages,
  readAll,
  SESSION,
  type StorageCase,
  storeMany,
} from "./storage_steps.ts";

const everything: Envelope = {
  id: "0190a8b0-0000-7000-8000-000000000001",
  type: "UserJoined",
  topic: "user events",
  source: "https://example.com/a?b=c#d",
  time: new Date("2026-02-28T23:59:59.999Z"),
  key: "k'\"\\{},🛟",
  correlationId: "conversation",
  causationId: "cause",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  schemaVersion: "2",
  contentType: "application/x-test; charset=utf-8",
  headers: {
    tenant: "t1",
    "": "no name",
    empty: "",
    'o\'dd "name"': "back\\slash {brace} [bracket] a,b;c:d 🛟 é \u2028 $1 %s null",
    lines: "one\ntwo\r\n\tthree",
    number: "1e3",
  },
  body: Uint8Array.of(0x00, 0x5c, 0xff, 0x22, 0x27, 0x0a, 0x80, 0x00),
};

const formCases: StorageCase[] = [
  {
    name: "append() keeps every attribute and byte of an envelope",
    run: async ({ storage }) => {
      await storage.transaction((tx) => storage.outbox.append(tx, [everything]));
      const [row] = await readAll(storage.outbox.open(SESSION));
      expectEnvelope(row?.envelope, everything);
    },
  },
  {
    name: "append() keeps bytes and attributes of every kind, one by one and many at once",
    run: async ({ storage }) => {
      const texts = [
        "plain",
        "",
        "null",
        '"json"',
        "\ufeffmarked",
        "🛟 é \u2028",
        "a\u0000b",
        "\\x00",
      ];
      const bodies = [
        ...texts.map((text) => new TextEncoder().encode(text)),
        Uint8Array.of(0xff, 0xfe, 0xfd),
        Uint8Array.of(0xc3, 0x28), // no UTF-8
        Uint8Array.of(0xed, 0xa0, 0x80), // half of a character
        Uint8Array.from({ length: 256 }, (_, n) => n),
      ];
      const all = bodies.map((body, n) => ({ ...everything, id: `${n}`, key: `${n % 3}`, body }));
      for (const one of all) await storage.outbox.store([one]);
      await storage.outbox.store(all.map((one) => ({ ...one, id: `again ${one.id}` })));
      const rows = await readAll(storage.outbox.open(SESSION));
      expectSame("How many rows there are", rows.length, 2 * all.length);
      for (const one of all) {
        for (const id of [one.id, `again ${one.id}`]) {
          const row = rows.find(({ envelope }) => envelope.id === id);
          expectEnvelope(row?.envelope, { ...one, id });
        }
      }
    },
  },
  {
    name: "append() keeps headers of any characters, one by one and many at once",
    run: async ({ storage }) => {
      const values = ["", "a\u0000b", "half \ud800 of a pair", "\\u0000", '"', "\n\u0001", "🛟"];
      const all = values.map((value, n) => ({ ...everything, id: `${n}`, headers: { value } }));
      for (const one of all) await storage.outbox.store([one]);
      await storage.outbox.store(all.map((one) => ({ ...one, id: `again ${one.id}` })));
      const rows = await readAll(storage.outbox.open(SESSION));
      expectSame("How many rows there are", rows.length, 2 * all.length);
      for (const one of all) {
        for (const id of [one.id, `again ${one.id}`]) {
          const row = rows.find(({ envelope }) => envelope.id === id);
          expectEnvelope(row?.envelope, { ...one, id });
        }
      }
    },
  },
  {
    name: "append() keeps keys apart that differ in anything",
    run: async ({ storage }) => {
      const keys = ["", " ", "a", "A", "a ", "é", "e\u0301", "🛟", "%", "_", "\\", "'", '"', "$1"];
      keys.push(
        "0",
        "00",
        "null",
        "undefined",
        "true",
        "[]",
        "a:b",
        "a/b",
        "a\nb",
        "k".repeat(300),
      );
      const all = [1, 2].flatMap((round) =>
        keys.map((key, n) => message(`${n} ${round}`, { key }))
      );
      await storeMany(storage, all);
      const rows = await readAll(storage.outbox.open(SESSION));
      expectAll(rows, all);
      expectSame(
        "How many lanes there are",
        new Set(rows.map(({ lane }) => lane)).size,
        keys.length,
      );
    },
  },
  {
    name: "append() keeps an envelope that has nothing but what it must have",
    run: async ({ storage }) => {
      const least: Envelope = {
        id: "1",
        type: "noted",
        topic: "t",
        source: "/",
        time: new Date(0),
        correlationId: "1",
        contentType: "text/plain",
        headers: {},
        body: new Uint8Array(0),
      };
      await storage.outbox.store([least]);
      const [row] = await readAll(storage.outbox.open(SESSION));
      expectEnvelope(row?.envelope, least);
      expectSame("The key", row?.envelope.key, undefined);
    },
  },
  {
    name: "append() tells an empty key from none",
    run: async ({ storage }) => {
      await storage.outbox.store([message("-1", { key: "" }), message("-2")]);
      const rows = await readAll(storage.outbox.open(SESSION));
      const keys = rows.map(({ envelope: { id, key } }) => `${id} ${JSON.stringify(key)}`);
      expectSame("The keys", keys.sort(), ['-1 ""', "-2 undefined"]);
    },
  },
  {
    name: "append() keeps every byte of a large body",
    run: async ({ storage, maxBodyBytes = Infinity }) => {
      const body = new Uint8Array(Math.min(1_048_576, maxBodyBytes));
      // Not to be compressed, nor the same in two places.
      let state = 1;
      for (let n = 0; n < body.length; n++) {
        state = Math.imul(state, 48_271) + 11 >>> 0;
        body[n] = state >>> 13;
      }
      const large = message("a1", { body });
      await storage.outbox.store([large]);
      await storage.outbox.store(messages("b1"));
      const rows = await readAll(storage.outbox.open(SESSION));
      expectEnvelope(rows.find(({ envelope }) => envelope.id === "a1")?.envelope, large);
      expectSame("How many rows there are", rows.length, 2);
    },
  },
  {
    name: "append() fixes bytes, headers and time: what is changed later does not matter",
    run: async ({ storage }) => {
      const headers: Record<string, string> = { tenant: "t1" };
      const mine = message("a1", { headers });
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, [mine]);
        mine.body.fill(0);
        headers.tenant = "t2";
        mine.time.setTime(0);
      });
      const [row] = await readAll(storage.outbox.open(SESSION));
      expectEnvelope(row?.envelope, message("a1", { headers: { tenant: "t1" } }));
    },
  },
  {
    name: "append() encodes a notification, with its metadata around it",
    run: async ({ open }) => {
      const storage = await open({ source: "/billing" });
      await storage.outbox.store([
        notificationOf({ total: 7 }, {
          wireType: "Paid",
          schemaVersion: "3",
          metadata: { id: "id-1", key: "k", headers: { tenant: "t1" }, causationId: "c" },
        }),
      ]);
      const [row] = await readAll(storage.outbox.open(SESSION));
      expectEnvelope(row?.envelope, {
        id: "id-1",
        type: "Paid",
        topic: "orders",
        source: "/billing",
        time: new Date("2026-01-02T03:04:05.678Z"),
        key: "k",
        correlationId: "id-1",
        causationId: "c",
        schemaVersion: "3",
        contentType: "application/json",
        headers: { tenant: "t1" },
        body: new TextEncoder().encode('{"total":7}'),
      });
    },
  },
  {
    name: "append() encodes with the notification's own codec, or else the storage's",
    run: async ({ open }) => {
      const codecOf = (name: string) => ({
        contentType: `application/x-${name}`,
        encode: (data: unknown) => Promise.resolve(new TextEncoder().encode(`${name} ${data}`)),
        decode: () => undefined,
      });
      const storage = await open({ codec: codecOf("storage") });
      await storage.outbox.store([
        notificationOf("one", { codec: codecOf("own"), metadata: { id: "1", key: "a" } }),
        notificationOf("two", { metadata: { id: "2", key: "a" } }),
      ]);
      const rows = await readAll(storage.outbox.open(SESSION));
      const found = rows.map(({ envelope: { contentType, body } }) => [
        contentType,
        new TextDecoder().decode(body),
      ]);
      expectSame("What was stored", found, [
        ["application/x-own", "own one"],
        ["application/x-storage", "storage two"],
      ]);
    },
  },
  {
    name: "append() compresses where the storage is told to, and says so in a header",
    run: async ({ open }) => {
      const storage = await open({ compression: { format: "deflate", minBytes: 100 } });
      const text = "again ".repeat(1_000);
      await storage.outbox.store([
        message("a1", { body: new TextEncoder().encode(text), headers: { tenant: "t1" } }),
        message("a2"),
      ]);
      const [large, small] = await readAll(storage.outbox.open(SESSION));
      expectSame("The headers", large?.envelope.headers, {
        tenant: "t1",
        "content-encoding": "deflate",
      });
      const bytes = new Uint8Array(large?.envelope.body ?? []);
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      expectSame("What was compressed", await new Response(stream).text() === text, true);
      expectEnvelope(small?.envelope, message("a2"));
    },
  },
];

const orderCases: StorageCase[] = [
  {
    name: "append() of nothing stores nothing",
    run: async ({ storage, put, get }) => {
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, []);
        await put(tx, "name", "Ada");
      });
      await storage.outbox.store([]);
      expectSame("The data", await get("name"), "Ada");
      expectSame("What is pending", (await storage.outbox.statistics()).pending, 0);
    },
  },
  {
    name: "append() keeps the order of messages in one call, and of calls in one transaction",
    run: async ({ storage }) => {
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, messages("a1 b1 a2"));
        await storage.outbox.append(tx, messages("a3 -1 b2 a4"));
      });
      await storage.outbox.store(messages("a5 b3"));
      await expectRows(storage.outbox.open(SESSION), {
        a: "a1 a2 a3 a4 a5",
        b: "b1 b2 b3",
        "-": "-1",
      });
    },
  },
  {
    name: "append() keeps the order of messages whose codecs take their time",
    run: async ({ open }) => {
      const storage = await open();
      const slow = {
        contentType: "text/plain",
        async encode(data: unknown) {
          for (let n = 0; n < 20; n++) await undefined;
          return new TextEncoder().encode(String(data));
        },
        decode: () => undefined,
      };
      await storage.outbox.store([
        notificationOf("a1", { codec: slow, metadata: { id: "1", key: "a" } }),
        message("a2"),
        notificationOf("a3", { codec: slow, metadata: { id: "3", key: "a" } }),
      ]);
      await expectRows(storage.outbox.open(SESSION), { a: "a1 a2 a3" });
    },
  },
  {
    name: "append() stores what it is given, also a message whose id is stored already",
    run: async ({ storage }) => {
      await storage.outbox.store(messages("a1 a1"));
      await storage.outbox.store(messages("a1 a2"));
      const rows = await expectRows(storage.outbox.open(SESSION), { a: "a1 a1 a1 a2" });
      expectSame("How many positions", new Set(rows.map((row) => row.position)).size, 4);
    },
  },
];

/** What {@linkcode OutboxStore.append} and {@linkcode OutboxStore.store} must keep of messages. */
export const outboxAppendCases: ReadonlyArray<StorageCase> = [...formCases, ...orderCases];
