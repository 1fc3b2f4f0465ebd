import assert from "node:assert/strict";
import { systemClock } from "../../../../src/clock.ts";
import { memoryStorage } from "../../../../src/storage/memory/mod.ts";
import { ManualClock } from "../../../../src/testing/manual_clock.ts";
import {
  dead,
  drain,
  message,
  messages,
  readAll,
  SESSION,
  textOf,
} from "../../../../src/testing/storage_steps.ts";

Deno.test("memoryStorage() makes storages that share nothing", async () => {
  const [one, other] = [memoryStorage(), memoryStorage()];
  await one.transaction(({ client }) => client.set("a", 1));
  await one.outbox.store(messages("a1"));
  assert.equal(await other.transaction(({ client }) => client.get("a")), undefined);
  assert.deepEqual(await readAll(other.outbox.open(SESSION)), []);
});

Deno.test("memoryStorage() goes by the clock of the system unless it is given one", async () => {
  const { outbox } = memoryStorage();
  const beforeMs = systemClock.now();
  await outbox.store(messages("a1"));
  const session = outbox.open(SESSION);
  await session.settle((await readAll(session)).map((row) => dead(row)));
  const [letter] = await outbox.deadLetters.list();
  const diedAtMs = letter?.diedAt.getTime() ?? 0;
  assert.ok(diedAtMs >= beforeMs && diedAtMs <= systemClock.now());
});

Deno.test("memoryStorage() tells times by its clock", async () => {
  const clock = new ManualClock(1_000_000);
  const storage = memoryStorage({ clock });
  const { outbox } = storage;
  await storage.transaction(async (tx) => {
    await outbox.append(tx, messages("a1"));
    await clock.advance(500); // what is not committed is not stored
  });
  await clock.advance(2_000);
  await outbox.store(messages("b1"));
  await clock.advance(30);
  assert.equal((await outbox.statistics()).oldestAgeMs, 2_030);
  const session = outbox.open(SESSION);
  const rows = await readAll(session);
  await session.settle(rows.filter((row) => textOf(row) === "a1").map((row) => dead(row)));
  assert.equal((await outbox.statistics()).oldestAgeMs, 30);
  await clock.advance(70);
  const [letter] = await outbox.deadLetters.list();
  assert.equal(letter?.diedAt.getTime(), 1_002_530);
  await outbox.deadLetters.requeue(["a1"]);
  assert.equal((await outbox.statistics()).oldestAgeMs, 2_100, "it was stored when it was stored");
});

Deno.test("memoryStorage() gives runs that nobody reads up by its clock", async () => {
  const clock = new ManualClock();
  const { replay } = memoryStorage({ clock });
  const writer = await replay.create("run", "ada");
  await clock.advance(29_999);
  assert.equal(writer.signal.aborted, false);
  await clock.advance(1);
  assert.equal(writer.signal.aborted, true);
});

Deno.test("subscribe() calls a function as often as it was given", async () => {
  const { outbox } = memoryStorage();
  let calls = 0;
  const onWake = () => calls++;
  const first = await outbox.subscribe(onWake);
  await outbox.subscribe(onWake);
  await outbox.wake();
  assert.equal(calls, 2);
  await first[Symbol.asyncDispose]();
  await outbox.wake();
  assert.equal(calls, 3);
});

Deno.test("subscribe() calls who subscribes while it calls from the next time on", async () => {
  const { outbox } = memoryStorage();
  let calls = 0;
  await outbox.subscribe(() => void outbox.subscribe(() => calls++));
  await outbox.wake();
  assert.equal(calls, 0);
  await outbox.wake();
  assert.equal(calls, 1);
});

Deno.test("subscribe() does not call for what stores nothing", async () => {
  const storage = memoryStorage();
  const { outbox } = storage;
  let calls = 0;
  await outbox.subscribe(() => calls++);
  await storage.transaction(({ client }) => client.set("a", 1));
  await storage.transaction((tx) => outbox.append(tx, []));
  await outbox.store([]);
  await outbox.deadLetters.requeue(["a1"]);
  await outbox.deadLetters.discard(["a1"]);
  assert.equal(calls, 0);
});

Deno.test("append() copies the bytes of a view, and no more", async () => {
  const { outbox } = memoryStorage();
  const bytes = Uint8Array.of(1, 2, 3, 4);
  await outbox.store([message("a1", { body: bytes.subarray(1, 3) })]);
  bytes.fill(0);
  const [row] = await readAll(outbox.open(SESSION));
  assert.deepEqual(row?.envelope.body, Uint8Array.of(2, 3));
  assert.equal(row?.envelope.body.buffer.byteLength, 2);
});

Deno.test("memoryStorage() keeps nothing of what is gone", async () => {
  // Lanes come and go by the million where each key is used once.
  const { MemoryDatabase } = await import("../../../../src/storage/memory/memory_database.ts");
  const { MemoryStorage } = await import("../../../../src/storage/memory/memory_storage.ts");
  const database = new MemoryDatabase(new ManualClock());
  const { outbox } = new MemoryStorage(database);
  const session = outbox.open(SESSION);
  for (let n = 0; n < 50; n++) {
    await outbox.store([
      message(`${n}`, { key: `key ${n}` }),
      message(`x${n}`, { key: undefined }),
    ]);
    await drain(session);
  }
  await outbox.store(messages("a1"));
  await session.settle((await readAll(session)).map((row) => dead(row)));
  await outbox.deadLetters.discard(["a1"]);
  const lanes = [...database.topics.values()].flat().map(({ lanes }) => lanes.size);
  assert.equal(Math.max(...lanes), 0);
  assert.equal(database.pending.size, 0);
  await session[Symbol.asyncDispose]();
  assert.equal(database.sessions.size, 0);
});
