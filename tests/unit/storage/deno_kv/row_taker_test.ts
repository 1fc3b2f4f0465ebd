import assert from "node:assert/strict";
import type { OutboxRow } from "../../../../src/storage/mod.ts";
import { pairOf } from "../../../../src/storage/deno_kv/keys.ts";
import { found, idsOf, KEYS, messageOf, messagesOf, openStorage, readAll } from "./support.ts";

const SESSION = { leaseMs: 60_000 };

/** What is stored of a message, as an entry of the database. */
async function rowOf(kv: Deno.Kv, id: string): Promise<Deno.KvEntry<unknown>> {
  const entry = (await found(kv, "queue")).find(({ value }) =>
    value instanceof Uint8Array && new TextDecoder().decode(value).includes(`"${id}"`)
  );
  assert.ok(entry);
  return entry;
}

Deno.test("read() makes a dead letter of what makes no sense, and gives the others of its lane", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 a2 a3 b1"));
  const nonsense = [new Uint8Array(3), { some: "thing" }, "x".repeat(65_000), null, 7n];
  const { key } = await rowOf(raw, "a2");
  for (const [n, value] of nonsense.entries()) {
    await raw.set(key.with(-1, `${String(key.at(-1))}${n}`), value);
  }
  const session = storage.outbox.open(SESSION);
  assert.deepEqual(idsOf(await readAll(session)).sort(), ["a1", "a2", "a3", "b1"]);
  const letters = await storage.outbox.deadLetters.list();
  assert.equal(letters.length, 5);
  for (const { envelope, attempts, error, diedAt } of letters) {
    assert.deepEqual([envelope.topic, envelope.type, envelope.body.length], ["notes", "", 0]);
    assert.equal(attempts, 0);
    assert.equal(error, "Cannot read what is stored");
    assert.equal(diedAt.getTime(), opened.clock.now());
  }
  const { pending, deadLetters, parkedKeys } = await storage.outbox.statistics();
  assert.deepEqual({ pending, deadLetters, parkedKeys }, {
    pending: 4,
    deadLetters: 5,
    parkedKeys: 0,
  });
});

Deno.test("requeue() puts back what makes no sense as it was, and discard() deletes all of it", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const { deadLetters } = storage.outbox;
  const value = { some: "thing" };
  await raw.set([...KEYS.row(pairOf("notes", 3), "place")], value);
  await readAll(storage.outbox.open(SESSION));
  const [letter] = await deadLetters.list();
  assert.equal(await deadLetters.requeue([letter?.envelope.id ?? ""]), 1);
  assert.deepEqual((await found(raw, "wait")).map((entry) => entry.value), [value]);
  assert.deepEqual(await found(raw, "body"), []);
  assert.deepEqual(await readAll(storage.outbox.open(SESSION)), []);
  const [again] = await deadLetters.list();
  assert.equal(await deadLetters.discard([again?.envelope.id ?? ""]), 1);
  for (const kind of ["wait", "body", "dead", "id"]) assert.deepEqual(await found(raw, kind), []);
  assert.deepEqual(await readAll(storage.outbox.open(SESSION)), []);
  assert.deepEqual(await found(raw, "lane"), []);
});

Deno.test("read() makes a dead letter of a message whose body is not all there", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  const { deadLetters } = storage.outbox;
  const body = new Uint8Array(150_000).fill(7);
  await storage.outbox.store([messageOf("a1", { body }), ...messagesOf("a2 a3")]);
  const parts = await found(raw, "body");
  assert.equal(parts.length, 3);
  const [, part] = parts;
  assert.ok(part);
  await raw.delete(part.key);
  const session = storage.outbox.open(SESSION);
  assert.deepEqual(idsOf(await readAll(session)), ["a2", "a3"]);
  const [letter] = await deadLetters.list();
  assert.deepEqual([letter?.envelope.id, letter?.envelope.key], ["a1", "a"]);
  assert.equal(letter?.error, "Cannot find all of the body");
  // When it is all there again, it can be sent after all.
  await raw.set(part.key, part.value);
  assert.deepEqual((await deadLetters.list())[0]?.envelope.body, body);
  assert.equal(await deadLetters.requeue(["a1"]), 1);
  await session[Symbol.asyncDispose]();
  const rows = await readAll(opened.other().outbox.open(SESSION));
  assert.deepEqual(idsOf(rows), ["a1", "a2", "a3"]);
  assert.deepEqual(rows[0]?.envelope.body, body);
});

Deno.test("read() makes a dead letter of what waits and makes no sense", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 a2"));
  const session = storage.outbox.open(SESSION);
  const [row] = await session.read(1) as [OutboxRow];
  await session.settle([{ row, outcome: "failed", error: "no", retryAfterMs: 0 }]);
  const [waiting] = await found(raw, "wait");
  assert.ok(waiting);
  await raw.set(waiting.key, "nonsense");
  assert.deepEqual(idsOf(await readAll(session)), ["a2"]);
  assert.equal((await storage.outbox.deadLetters.list()).length, 1);
});

Deno.test("read() passes over what is in the queue and is none of ours", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1"));
  const { key } = await rowOf(raw, "a1");
  await raw.set([...key, "more"], 1);
  await raw.set([...KEYS.queue, 7], 1);
  await raw.set([...KEYS.queue, "no pair"], 1);
  assert.deepEqual(idsOf(await readAll(storage.outbox.open(SESSION))), ["a1"]);
  assert.equal((await storage.outbox.statistics()).pending, 1);
});

Deno.test("read() takes what is behind a lane that waits out of the way, once", async () => {
  using opened = await openStorage();
  const { storage, raw, clock } = opened;
  await storage.outbox.store(messagesOf("a1 b1"));
  const session = storage.outbox.open(SESSION);
  const rows = await session.read(10);
  await session.settle(
    rows.map((row) =>
      row.envelope.id === "a1"
        ? { row, outcome: "failed", error: "no", retryAfterMs: 10_000 }
        : { row, outcome: "published" }
    ),
  );
  for (let n = 2; n < 30; n++) await storage.outbox.store([messageOf(`a${n}`)]);
  assert.deepEqual(await session.read(10), []);
  const queued = (await found(raw, "queue")).filter(({ value }) => value instanceof Uint8Array);
  assert.deepEqual(queued, []);
  assert.equal((await found(raw, "wait")).length, 29);
  await clock.advance(10_000);
  const again = await readAll(session, 7);
  assert.equal(again.length, 7); // the others of the lane come when these are settled
  await session.settle(again.map((row) => ({ row, outcome: "published" })));
  let count = 7;
  for (let more = await session.read(7); more.length > 0; more = await session.read(7)) {
    count += more.length;
    await session.settle(more.map((row) => ({ row, outcome: "published" })));
  }
  assert.equal(count, 29);
  for (const kind of ["wait", "lane", "queue"]) assert.deepEqual(await found(raw, kind), []);
});

Deno.test("read() ends what a lane had to wait for also where its ticket has been overtaken", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 a2"));
  const session = storage.outbox.open(SESSION);
  const [row] = await session.read(1) as [OutboxRow];
  await session.settle([{ row, outcome: "failed", error: "no", retryAfterMs: 60_000 }]);
  const [ticket] = (await found(raw, "queue")).filter(({ key }) => key.length > 4);
  assert.ok(ticket);
  // A ticket that comes too early: there is a later one.
  await raw.set([...ticket.key.slice(0, 3), 1, "=a", "early"], 0);
  assert.deepEqual(await session.read(10), []);
  const tickets = (await found(raw, "queue")).filter(({ key }) => key.length > 4);
  assert.deepEqual(tickets.map(({ key }) => key), [ticket.key]);
  await opened.clock.advance(59_000);
  await session.keep();
  await opened.clock.advance(1_000);
  assert.deepEqual(idsOf(await readAll(session)), ["a1", "a2"]);
});

Deno.test("read() looks at a lane with a ticket though it is not blocked", async () => {
  using opened = await openStorage();
  const { storage, raw } = opened;
  await storage.outbox.store(messagesOf("a1 a2"));
  const session = storage.outbox.open(SESSION);
  const [row] = await session.read(1) as [OutboxRow];
  await session.settle([{ row, outcome: "failed", error: "no", retryAfterMs: 0 }]);
  for (const { key } of await found(raw, "lane")) await raw.delete(key);
  await session[Symbol.asyncDispose]();
  const rows = await readAll(opened.other().outbox.open(SESSION));
  assert.deepEqual(idsOf(rows), ["a1", "a2"]);
});
