import assert from "node:assert/strict";
import type { Envelope } from "../../../../src/message/mod.ts";
import { encodeEnvelopes, SchemaVersionError } from "../../../../src/storage/mod.ts";
import type { LogEntry } from "../../../../src/storage/postgres_log/log_entry.ts";
import {
  LogFeed,
  type LogFeedOptions,
  type SlotNotes,
} from "../../../../src/storage/postgres_log/log_feed.ts";

const AT = new Date("2026-01-02T03:04:05.678Z");
const access = { prefix: "outbox", schema: "app", tableName: "sluice_outbox" };
const notes: SlotNotes = { settled: [], base: 0n };

function envelope(id: string): Envelope {
  return {
    id,
    type: "noted",
    topic: "notes",
    source: "/",
    time: AT,
    key: id[0],
    correlationId: id,
    contentType: "text/plain",
    headers: {},
    body: new Uint8Array(100),
  };
}

function bytesOf(...ids: string[]): Uint8Array {
  return encodeEnvelopes(ids.map(envelope));
}

function entryOf(lsn: number, ...ids: string[]): LogEntry {
  return { lsn, content: bytesOf(...ids) };
}

function feedOf(options: Partial<LogFeedOptions> = {}, more: Partial<SlotNotes> = {}): LogFeed {
  const limits = { maxMessages: 1_000, maxBytes: 1_000_000 };
  const onChange = () => {};
  return new LogFeed({ access, ...limits, onChange, ...options }, 100n, { ...notes, ...more });
}

/** A transaction whose commit stands at a place, and takes 10 bytes. */
function bring(feed: LogFeed, lsn: bigint, ...ids: string[]): void {
  feed.begin(lsn, Number(lsn), AT);
  ids.forEach((id, n) => feed.message(entryOf(Number(lsn) - 50 + n, id)));
  feed.commit(lsn + 10n);
}

const idsOf = (feed: LogFeed) => feed.take(1_000).map(({ envelope: { id } }) => id);

Deno.test("LogFeed gives messages in the order of the log", () => {
  const feed = feedOf();
  bring(feed, 200n, "a1", "b1");
  feed.begin(300n, 3, AT);
  feed.message(entryOf(260, "a2", "a3"));
  feed.commit(310n);
  const messages = feed.take(1_000);
  assert.deepEqual(messages.map(({ envelope: { id } }) => id), ["a1", "b1", "a2", "a3"]);
  assert.deepEqual(messages.map(({ position }) => position), ["200/0", "200/1", "300/0", "300/1"]);
  assert.deepEqual(messages.map(({ lane }) => lane === messages[0]?.lane), [
    true,
    false,
    true,
    true,
  ]);
  assert.equal(messages[0]?.transaction.committedAt, AT);
});

Deno.test("LogFeed gives messages of one entry places of their own, within those of the entry", () => {
  const feed = feedOf({}, { base: 1_000n });
  const bytes = bytesOf("a1", "a2", "a3");
  feed.begin(900n, 9, AT);
  feed.message({ lsn: 500, content: bytes });
  feed.message(entryOf(500 + bytes.length, "a4"));
  const places = feed.take(10).map((message) => feed.placeOf(message));
  assert.deepEqual(places.slice(0, 3), [1_500n, 1_501n, 1_502n]);
  assert.ok((places[3] ?? 0n) > 1_502n);
});

Deno.test("LogFeed is done up to the first message that is not, whatever was done behind it", () => {
  const feed = feedOf();
  bring(feed, 200n, "a1");
  bring(feed, 300n, "b1", "b2");
  bring(feed, 400n, "c1");
  const [a1, b1, b2, c1] = feed.take(10);
  assert.equal(feed.done, 100n);
  for (const message of [b1, c1]) if (message !== undefined) feed.settle(message);
  assert.equal(feed.done, 100n);
  assert.deepEqual(feed.settled, ["300/0", "400/0"]);
  if (a1 !== undefined) feed.settle(a1);
  assert.equal(feed.done, 210n);
  assert.deepEqual(feed.settled, ["300/0", "400/0"]);
  if (b2 !== undefined) feed.settle(b2);
  assert.equal(feed.done, 410n);
  assert.deepEqual(feed.settled, []);
});

Deno.test("LogFeed with nothing open is done up to where the server is, and with something open is not", () => {
  const feed = feedOf();
  feed.reached(150n);
  assert.equal(feed.done, 150n);
  feed.begin(200n, 2, AT);
  feed.reached(190n);
  assert.equal(feed.done, 150n);
  feed.message(entryOf(160, "a1"));
  feed.reached(500n);
  feed.commit(210n);
  assert.equal(feed.done, 150n);
  const [message] = feed.take(1);
  if (message !== undefined) feed.settle(message);
  assert.equal(feed.done, 500n);
  feed.reached(400n);
  assert.equal(feed.done, 500n);
});

Deno.test("LogFeed passes over transactions without messages, and keeps nothing of them", () => {
  const feed = feedOf();
  for (let lsn = 200n; lsn < 1_000n; lsn += 20n) bring(feed, lsn);
  assert.equal(feed.done, 990n);
  bring(feed, 1_000n, "a1");
  for (let lsn = 1_100n; lsn < 2_000n; lsn += 20n) bring(feed, lsn);
  assert.equal(feed.done, 990n);
  const [message] = feed.take(1);
  if (message !== undefined) feed.settle(message);
  assert.equal(feed.done, 1_990n);
});

Deno.test("LogFeed passes over what a new connection tells again", () => {
  const feed = feedOf();
  bring(feed, 200n, "a1");
  bring(feed, 300n, "a2");
  assert.deepEqual(idsOf(feed), ["a1", "a2"]);
  bring(feed, 200n, "a1");
  bring(feed, 300n, "a2");
  bring(feed, 400n, "a3");
  assert.deepEqual(idsOf(feed), ["a3"]);
  assert.equal(feed.done, 100n);
});

Deno.test("LogFeed goes on in the middle of a transaction in which a connection broke", () => {
  const feed = feedOf();
  feed.begin(200n, 2, AT);
  feed.message(entryOf(150, "a1", "a2"));
  const [a1, a2] = feed.take(2);
  if (a1 !== undefined) feed.settle(a1);
  feed.begin(200n, 2, AT);
  feed.message(entryOf(150, "a1", "a2"));
  feed.message(entryOf(170, "a3"));
  feed.commit(210n);
  const [a3, ...others] = feed.take(10);
  assert.equal(a3?.position, "200/2");
  assert.deepEqual(others, []);
  for (const message of [a2, a3]) if (message !== undefined) feed.settle(message);
  assert.equal(feed.done, 210n);
});

Deno.test("LogFeed reads a transaction whose commit stands where the log was confirmed", () => {
  const feed = feedOf();
  bring(feed, 100n, "a1");
  assert.deepEqual(idsOf(feed), ["a1"]);
});

Deno.test("LogFeed passes over messages that are noted as settled, and notes them until all before is done", () => {
  const feed = feedOf({}, { settled: ["200/1", "300/0", "50/0"] });
  assert.deepEqual(feed.settled, ["200/1", "300/0"]);
  bring(feed, 200n, "a1", "a2");
  const [a1, ...others] = feed.take(10);
  assert.deepEqual([a1?.envelope.id, others.length], ["a1", 0]);
  assert.deepEqual([...feed.settled].sort(), ["200/1", "300/0"]);
  if (a1 !== undefined) feed.settle(a1);
  assert.equal(feed.done, 210n);
  assert.deepEqual(feed.settled, ["300/0"]);
  bring(feed, 300n, "a3");
  assert.deepEqual(idsOf(feed), []);
  assert.equal(feed.done, 310n);
  assert.deepEqual(feed.settled, []);
});

Deno.test("LogFeed has no room from its limits on, until half of it is taken", async () => {
  const feed = feedOf({ maxMessages: 4 });
  bring(feed, 200n, "a1", "a2", "a3");
  assert.equal(feed.room(), undefined);
  bring(feed, 300n, "a4", "a5");
  const room = feed.room();
  assert.ok(room instanceof Promise);
  assert.equal(feed.room(), room);
  let isOpen = false;
  room.then(() => isOpen = true);
  feed.take(2);
  await Promise.resolve();
  assert.equal(isOpen, false);
  feed.take(1);
  await room;
  assert.equal(feed.room(), undefined);
});

Deno.test("LogFeed has a limit for bytes too", async () => {
  const feed = feedOf({ maxBytes: 300 });
  bring(feed, 200n, "a1", "a2", "a3");
  const room = feed.room();
  assert.ok(room instanceof Promise);
  feed.close();
  await room;
});

Deno.test("LogFeed tells of messages at the end of their transaction, or as soon as it is full", () => {
  const changes: string[] = [];
  const feed = feedOf({ maxMessages: 2, onChange: (change) => changes.push(change) });
  feed.begin(200n, 2, AT);
  feed.message(entryOf(150, "a1"));
  assert.deepEqual(changes, []);
  feed.message(entryOf(160, "a2"));
  feed.message(entryOf(170, "a3"));
  assert.deepEqual(changes, ["messages"]);
  feed.commit(210n);
  assert.deepEqual(changes, ["messages", "messages"]);
  bring(feed, 300n);
  feed.reached(350n);
  assert.deepEqual(changes.slice(2), ["reached", "reached"]);
});

Deno.test("LogFeed tells once of the rows of a transaction, of one table, until they are done", () => {
  const changes: string[] = [];
  const feed = feedOf({ onChange: (change) => changes.push(change) });
  feed.begin(200n, 2, AT);
  feed.insert("app", "other");
  feed.insert("public", "sluice_outbox");
  assert.equal(feed.wantsRows, true);
  feed.insert("app", "sluice_outbox");
  assert.equal(feed.wantsRows, false);
  feed.insert("app", "sluice_outbox");
  feed.commit(210n);
  assert.deepEqual(changes, ["rows", "reached"]);
  const [transaction, ...others] = feed.takeRows();
  assert.deepEqual([transaction?.xid, others.length], [2, 0]);
  assert.deepEqual(feed.takeRows(), []);
  assert.equal(feed.done, 100n);
  if (transaction !== undefined) feed.settleRows(transaction);
  assert.equal(feed.done, 210n);
});

Deno.test("LogFeed takes the table of any schema where the storage has none", () => {
  const feed = feedOf({ access: { ...access, schema: undefined } });
  feed.begin(200n, 2, AT);
  feed.insert("somewhere", "sluice_outbox");
  assert.equal(feed.takeRows().length, 1);
});

Deno.test("LogFeed makes a message of bytes that make no sense, and says why", () => {
  const feed = feedOf();
  const bytes = Uint8Array.of(7, 0, 255);
  bytes[0] = 0;
  feed.begin(200n, 2, AT);
  feed.message({ lsn: 150, content: bytes });
  feed.commit(210n);
  const [message] = feed.take(1);
  assert.ok(message?.error instanceof TypeError);
  assert.deepEqual(message.envelope.body, bytes);
  assert.notEqual(message.envelope.body.buffer, bytes.buffer);
});

Deno.test("LogFeed stops at messages of a newer version", () => {
  const feed = feedOf();
  feed.begin(200n, 2, AT);
  assert.throws(
    () => feed.message({ lsn: 150, content: Uint8Array.of(0xc0, 0x5c, 9) }),
    SchemaVersionError,
  );
});
