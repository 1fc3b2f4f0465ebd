import type { Envelope } from "../message/mod.ts";
import { expectSame } from "./conformance_case.ts";
import { definitionOf, notificationOf } from "./storage_messages.ts";
import {
  expectCode,
  expectError,
  expectRows,
  message,
  messages,
  readAll,
  rejection,
  SESSION,
  type StorageCase,
} from "./storage_steps.ts";

/** What an outbox must not take. */
export const outboxRefusalCases: ReadonlyArray<StorageCase> = [
  {
    name: "append() refuses what is no notification, within the transaction, and stores nothing",
    run: async ({ storage, put, get }) => {
      for (const kind of ["event", "command"]) {
        const wrong = { ...notificationOf("no"), kind } as unknown;
        const run = storage.transaction(async (tx) => {
          await put(tx, "name", "Ada");
          await storage.outbox.append(tx, [message("a1"), wrong as Envelope]);
        });
        await expectError("append()", run, TypeError);
        await expectError("store()", storage.outbox.store([wrong as Envelope]), TypeError);
      }
      expectSame("The data", await get("name"), undefined);
      await expectRows(storage.outbox.open(SESSION), {});
    },
  },
  {
    name: "append() leaves a transaction as it was when it refuses a message",
    run: async ({ storage, put, get }) => {
      await storage.transaction(async (tx) => {
        await put(tx, "name", "Ada");
        const wrong: unknown = { ...notificationOf("no"), kind: "event" };
        await rejection("append()", storage.outbox.append(tx, [message("a1"), wrong as Envelope]));
        await storage.outbox.append(tx, messages("a2"));
      });
      expectSame("The data", await get("name"), "Ada");
      await expectRows(storage.outbox.open(SESSION), { a: "a2" });
    },
  },
  {
    name: "append() refuses what is none of the storage's notifications",
    run: async ({ open }) => {
      const storage = await open({
        notifications: [definitionOf("order.paid", { wireType: "paid" })],
      });
      const unknown = [
        notificationOf("no", { type: "order.sent", wireType: "sent" }),
        notificationOf("no", { type: "order.paid", wireType: "paid", topic: "others" }),
        notificationOf("no", { type: "order.other", wireType: "paid" }),
        message("a1"),
      ];
      for (const one of unknown) {
        const run = storage.transaction((tx) => storage.outbox.append(tx, [one]));
        await expectCode("append()", run, "unknown_notification");
        await expectCode("store()", storage.outbox.store([one]), "unknown_notification");
      }
      await storage.outbox.store([
        notificationOf("a1", { type: "order.paid", wireType: "paid" }),
        message("a2", { type: "paid" }),
      ]);
      const rows = await readAll(storage.outbox.open(SESSION));
      expectSame("How many rows there are", rows.length, 2);
    },
  },
  {
    name: "append() knows the notifications of its own storage, not of another one",
    run: async ({ open }) => {
      const paid = await open({ notifications: [definitionOf("paid")] });
      const sent = await open({ notifications: [definitionOf("sent")] });
      const all = await open();
      await paid.outbox.store([notificationOf("1", { type: "paid" })]);
      await sent.outbox.store([notificationOf("2", { type: "sent" })]);
      await all.outbox.store([notificationOf("3", { type: "other" })]);
      const run = sent.outbox.store([notificationOf("4", { type: "paid" })]);
      await expectCode("store()", run, "unknown_notification");
      const rows = await readAll(sent.outbox.open(SESSION));
      expectSame("The types", rows.map(({ envelope }) => envelope.type).sort(), [
        "other",
        "paid",
        "sent",
      ]);
    },
  },
  {
    name: "notifications may not have two with the same name on the same topic",
    run: async ({ open }) => {
      const same = [definitionOf("one", { wireType: "x" }), definitionOf("two", { wireType: "x" })];
      const opening = async () => void await open({ notifications: same });
      await expectError("Opening it", opening(), TypeError);
      await open({
        notifications: [
          definitionOf("one", { wireType: "x" }),
          definitionOf("two", { wireType: "x", topic: "others" }),
        ],
      });
    },
  },
  {
    name: "append() rejects with the error of the codec as its cause, and stores nothing",
    run: async ({ storage }) => {
      const cause = new Error("No bytes for that");
      const encodings = [
        () => {
          throw cause;
        },
        () => Promise.reject(cause),
      ];
      for (const encode of encodings) {
        const codec = { contentType: "text/plain", encode, decode: () => undefined };
        const run = storage.transaction((tx) =>
          storage.outbox.append(tx, [message("a1"), notificationOf("no", { codec })])
        );
        const error = Object(await rejection("append()", run));
        expectSame("The code", error.code, "message_encode");
        expectSame("Whether it has the cause", error.cause === cause, true);
      }
      await expectRows(storage.outbox.open(SESSION), {});
    },
  },
];
