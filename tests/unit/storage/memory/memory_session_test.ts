import assert from "node:assert/strict";
import { Heap } from "../../../../src/storage/memory/heap.ts";
import { MemoryPartition } from "../../../../src/storage/memory/memory_partition.ts";
import { memoryStorage } from "../../../../src/storage/memory/mod.ts";
import type { OutboxRow } from "../../../../src/storage/mod.ts";
import { ManualClock } from "../../../../src/testing/manual_clock.ts";
import {
  backlog,
  dead,
  drain,
  failed,
  held,
  message,
  messages,
  published,
  readAll,
  returned,
  SESSION,
  textOf,
} from "../../../../src/testing/storage_steps.ts";

const textsOf = (rows: readonly OutboxRow[]) => rows.map(textOf).join(" ");

Deno.test("read() gives the rows of all lanes and topics in the order in which they were stored", async () => {
  const { outbox } = memoryStorage();
  const all = messages("a1 b1 -1 c1 a2 -2 b2 d1 a3 e1").map((envelope, n) => ({
    ...envelope,
    topic: ["orders", "users", "bills"][n % 3] as string,
  }));
  await outbox.store(all);
  assert.equal(textsOf(await outbox.open(SESSION).read(4)), "a1 b1 -1 c1");
  assert.equal(textsOf(await readAll(outbox.open(SESSION))), "", "others wait for what is held");
});

Deno.test("read() gives what comes back before what was stored after it", async () => {
  const clock = new ManualClock();
  const { outbox } = memoryStorage({ clock });
  await outbox.store(messages("a1 b1 c1 a2 b2 c2"));
  const session = outbox.open(SESSION);
  const rows = await session.read(4);
  await session.settle(
    rows.map((row) => textOf(row) === "b1" ? failed(row, 1_000) : returned(row)),
  );
  assert.equal(textsOf(await readAll(session)), "a1 c1 a2 c2");
  await clock.advance(1_000);
  assert.equal(textsOf(await readAll(session)), "b1 b2");
});

Deno.test("read() gives nothing of a lane that has turned back while rows of it are not settled", async () => {
  const { outbox } = memoryStorage();
  await outbox.store(messages("a1 a2"));
  const session = outbox.open(SESSION);
  const [first, second] = await session.read(2) as [OutboxRow, OutboxRow];
  await session.settle([failed(first, 0)]);
  await outbox.store(messages("a3 b1"));
  assert.equal(textsOf(await readAll(session)), "b1", "a3 would get in front of a2");
  await session.settle([held(second)]);
  assert.equal(textsOf(await readAll(session)), "a1 a2 a3");
});

Deno.test("settle() lets a lane wait for the longest of its delays", async () => {
  const clock = new ManualClock();
  const { outbox } = memoryStorage({ clock });
  await outbox.store(messages("a1 a2"));
  const session = outbox.open(SESSION);
  const [first, second] = await session.read(2) as [OutboxRow, OutboxRow];
  await session.settle([failed(first, 20_000), failed(second, 5_000)]);
  await clock.advance(19_999);
  assert.equal(textsOf(await readAll(session)), "");
  await clock.advance(1);
  const rows = await readAll(session);
  assert.deepEqual(rows.map((row) => `${textOf(row)}: ${row.attempts}`), ["a1: 1", "a2: 1"]);
});

Deno.test("settle() refuses rows that the session does not have, and does nothing then", async () => {
  const { outbox } = memoryStorage();
  await outbox.store(messages("a1 b1 c1"));
  const session = outbox.open(SESSION);
  const [one, other, third] = await session.read(3) as [OutboxRow, OutboxRow, OutboxRow];
  await session.settle([published(third)]);
  for (const wrong of [third, { ...one, position: "7" }]) {
    await assert.rejects(session.settle([published(one), published(wrong)]), TypeError);
  }
  assert.equal((await outbox.statistics()).pending, 2);
  await session.settle([one, one, other].map(returned));
  assert.equal(textsOf(await readAll(session)), "a1 b1");
});

Deno.test("session is lost one millisecond after its lease, and not before", async () => {
  const clock = new ManualClock();
  const { outbox } = memoryStorage({ clock });
  await outbox.store(messages("a1"));
  const session = outbox.open({ leaseMs: 1_000 });
  await session.read(1);
  await clock.advance(1_000);
  await session.keep();
  await clock.advance(1_001);
  await assert.rejects(session.keep(), { code: "lease_lost" });
});

Deno.test("session that holds nothing loses nothing, though it has read before", async () => {
  const clock = new ManualClock();
  const { outbox } = memoryStorage({ clock });
  const session = outbox.open({ leaseMs: 1_000 });
  await outbox.store(messages("a1"));
  await drain(session);
  await clock.advance(5_000);
  await outbox.store(messages("a2"));
  assert.equal(textsOf(await readAll(session)), "a2");
});

Deno.test("session that says nothing any more leaves its share to others", async () => {
  const clock = new ManualClock();
  const { outbox } = memoryStorage({ clock });
  await outbox.store(backlog(200, 40));
  const [first, second] = [outbox.open({ leaseMs: 1_000 }), outbox.open({ leaseMs: 10_000 })];
  await first.read(1);
  assert.equal((await readAll(second)).length, 0);
  await clock.advance(2_000);
  assert.equal((await readAll(second)).length, 200);
});

Deno.test("sessions share topics with one lane each as well", async () => {
  const { outbox } = memoryStorage();
  const all = Array.from({ length: 20 }, (_, n) => message(`a${n}`, { topic: `topic ${n}` }));
  await outbox.store(all);
  const [first, second] = [outbox.open(SESSION), outbox.open(SESSION)];
  const rows = [...await first.read(1), ...await second.read(1), ...await readAll(first)];
  assert.equal(rows.length, 10);
  assert.equal((await readAll(second)).length, 10);
});

Deno.test("sessions whose topics overlap in part leave no topic unread", async () => {
  const { outbox } = memoryStorage();
  for (const topic of ["a", "b", "c"]) {
    await outbox.store(backlog(160, 40).map((envelope) => ({ ...envelope, topic })));
  }
  const sessions = [["a", "b"], ["b", "c"], ["a", "c"]].map((topics) =>
    outbox.open({ ...SESSION, topics })
  );
  const counts = [0, 0, 0];
  for (const maxRows of [1, 1_000, 1_000]) {
    for (const [n, session] of sessions.entries()) {
      counts[n] = (counts[n] ?? 0) + (await session.read(maxRows)).length;
    }
  }
  assert.equal(counts.reduce((a, b) => a + b), 480);
  assert.ok(Math.min(...counts) >= 50, `${counts}`);
});

Deno.test("sessions go on with what they were to let go when nobody else wants it any more", async () => {
  const { outbox } = memoryStorage();
  await outbox.store(backlog(400, 40));
  const [first, second] = [outbox.open(SESSION), outbox.open(SESSION)];
  let count = (await first.read(100)).length; // of all partitions
  await second.read(1);
  count += (await first.read(1)).length; // now it knows of the other
  await second[Symbol.asyncDispose]();
  count += (await readAll(first)).length;
  assert.equal(count, 400);
});

Deno.test("sessions hold no more than they use", async () => {
  const { outbox } = memoryStorage();
  const session = outbox.open(SESSION);
  await outbox.store(messages("a1 b1"));
  const rows = await readAll(session);
  await session.settle(rows.filter((row) => textOf(row) === "a1").map(published));
  await outbox.store(messages("a2 b2"));
  assert.equal(textsOf(await readAll(outbox.open(SESSION))), "a2");
});

Deno.test("dead rows in front of a lane that goes on are put back behind what was read meanwhile", async () => {
  const { outbox } = memoryStorage();
  await outbox.store(messages("a1 a2 a3 a4"));
  const session = outbox.open(SESSION);
  const rows = await session.read(3);
  await session.settle(rows.slice(0, 1).map((row) => dead(row, { continues: true })));
  await outbox.deadLetters.requeue(["a1"]);
  assert.equal(textsOf(await readAll(session)), "a1 a4");
});

Deno.test("read() takes as many steps for each row of a large backlog as of a small one", async () => {
  const small = await stepsForEach(2_000);
  const large = await stepsForEach(16_000);
  assert.ok(large < small * 1.5, `${small} steps for each of few rows, ${large} for each of many`);
});

/** How many steps `read` and `settle` take for each row while so many are drained, all lanes waiting once. */
async function stepsForEach(count: number): Promise<number> {
  const clock = new ManualClock();
  const { outbox } = memoryStorage({ clock });
  await outbox.store(backlog(count, 200));
  const session = outbox.open(SESSION);
  const steps = counted(Heap.prototype, ["push", "pop", "peek"]);
  const looks = counted(MemoryPartition.prototype, ["next", "give", "remove", "putBack"]);
  try {
    // All lanes fail once, and wait for different times.
    const rows = await session.read(200);
    await session.settle(rows.map((row, n) => failed(row, n)));
    await clock.advance(200);
    assert.equal((await drain(session)).length, count);
  } finally {
    steps.restore();
    looks.restore();
  }
  return (steps.count() + looks.count()) / count;
}

/** Counts the calls of methods of a class. */
function counted<T extends object>(prototype: T, names: ReadonlyArray<keyof T & string>) {
  let calls = 0;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(prototype, name));
  for (const [n, name] of names.entries()) {
    const method = before[n]?.value;
    Object.defineProperty(prototype, name, {
      ...before[n],
      value(this: T, ...args: unknown[]) {
        calls++;
        return method.apply(this, args);
      },
    });
  }
  return {
    count: () => calls,
    restore() {
      for (const [n, name] of names.entries()) {
        Object.defineProperty(prototype, name, before[n] ?? {});
      }
    },
  };
}
