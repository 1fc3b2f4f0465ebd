import assert from "node:assert/strict";
import fc from "fast-check";
import {
  memoryReplayLog,
  type MemoryReplayLogOptions,
  type ReplayEvent,
  type ReplayLog,
  ReplayLogFullError,
} from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";

function item(data: string): ReplayEvent {
  return { event: "item", data, isLast: false };
}

const LAST: ReplayEvent = { event: "done", data: "{}", isLast: true };

/** Appends events as long as they are wanted within one turn of the event loop; gives how many were. */
async function fill(log: ReplayLog, run: string, clock: ManualClock, data: string) {
  const writer = await log.create(run, "ada");
  let count = 0;
  for (; count < 1_000; count++) {
    let isWanted = false;
    writer.wanted().then(() => isWanted = true, () => {});
    await clock.advance(0);
    if (!isWanted) break;
    await writer.append(item(data));
  }
  return { writer, count };
}

Deno.test("memoryReplayLog() keeps 5,000 events and 1 MiB of a run by default", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock, graceMs: Infinity });
  // 2 bytes for each of 4 + 5,000 characters, and 128.
  const { count } = await fill(log, "large", clock, "x".repeat(5_000));
  assert.equal(count, Math.ceil(1_048_576 / (128 + 2 * 5_004)));
  const writer = await log.create("many", "ada");
  for (let i = 0; i < 4_999; i++) await writer.append(item(""));
  await writer.wanted();
  await writer.append(item(""));
  let isWanted = false;
  writer.wanted().then(() => isWanted = true, () => {});
  await clock.advance(0);
  assert.equal(isWanted, false);
});

Deno.test("memoryReplayLog() takes an event that is larger than all it may keep", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock, maxBytes: 1, graceMs: Infinity });
  assert.equal((await fill(log, "run", clock, "x".repeat(1_000))).count, 1);
});

Deno.test("memoryReplayLog() waits 30 s for a reader and keeps an ended run for 5 minutes by default", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock });
  const alone = await log.create("alone", "ada");
  const ended = await log.create("ended", "ada");
  await ended.append(LAST);
  await clock.advance(29_999);
  assert.equal(alone.signal.aborted, false);
  await clock.advance(1);
  assert.equal(alone.signal.aborted, true);
  assert.equal(alone.signal.reason.name, "AbortError");
  await clock.advance(300_000 - 30_001);
  assert.notEqual(await log.open("ended", "ada", 0), undefined);
  await clock.advance(1);
  assert.equal(await log.open("ended", "ada", 0), undefined);
});

Deno.test("memoryReplayLog() holds 1,000 runs by default", async () => {
  const log = memoryReplayLog({ graceMs: Infinity });
  for (let i = 0; i < 1_000; i++) await log.create(`${i}`, "ada");
  await assert.rejects(log.create("more", "ada"), new ReplayLogFullError(1_000));
});

Deno.test("memoryReplayLog() keeps one owner from taking the place of others", async () => {
  const log = memoryReplayLog({ maxRuns: 3, maxRunsPerOwner: 2, graceMs: Infinity });
  const first = await log.create("1", "eve");
  await log.create("2", "eve");
  await assert.rejects(log.create("3", "eve"), new ReplayLogFullError(2));
  await (await log.create("4", "ada")).append(LAST);
  await assert.rejects(log.create("3", "eve"), new ReplayLogFullError(3));
  assert.notEqual(await log.open("4", "ada", 0), undefined);
  await first.append(LAST);
  await log.create("3", "eve");
  assert.equal(await log.open("1", "eve", 0), undefined);
});

Deno.test("memoryReplayLog() counts a run of an owner no longer that is forgotten", async () => {
  const log = memoryReplayLog({ maxRunsPerOwner: 1, graceMs: Infinity });
  for (let i = 0; i < 3; i++) {
    await log.create("run", "ada");
    await log.delete("run", "ada");
  }
});

Deno.test("memoryReplayLog() makes room by runs that were read to their end before others", async () => {
  const log = memoryReplayLog({ maxRuns: 2, graceMs: Infinity });
  await (await log.create("unread", "ada")).append(LAST);
  await (await log.create("read", "ada")).append(LAST);
  const reader = await log.open("read", "ada", 0);
  await reader?.read();
  await log.create("new", "ada");
  assert.equal(await log.open("read", "ada", 1), undefined);
  assert.notEqual(await log.open("unread", "ada", 0), undefined);
});

Deno.test("memoryReplayLog() with a grace period of 0 cancels a run as soon as its reader leaves", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock, graceMs: 0 });
  const writer = await log.create("run", "ada");
  const reader = await log.open("run", "ada", 0);
  await clock.advance(60_000);
  assert.equal(writer.signal.aborted, false);
  await reader?.close();
  await clock.advance(0);
  assert.equal(writer.signal.aborted, true);
});

Deno.test("memoryReplayLog() leaves no timer when a run has ended or was deleted", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock });
  await (await log.create("ended", "ada")).append(LAST);
  await log.create("deleted", "ada");
  await log.delete("deleted", "ada");
  await (await log.open("ended", "ada", 0))?.close();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("memoryReplayLog() keeps the first reader's close from disconnecting the next", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock });
  const writer = await log.create("run", "ada");
  const before = await log.open("run", "ada", 0);
  const reader = await log.open("run", "ada", 0);
  await before?.close();
  await clock.advance(60_000);
  assert.equal(writer.signal.aborted, false);
  await writer.append(item("a"));
  assert.deepEqual(await reader?.read(), [item("a")]);
});

Deno.test("memoryReplayLog() does not drop what a connected reader was given and has not dealt with", async () => {
  const log = memoryReplayLog({ maxEvents: 2, graceMs: Infinity });
  const writer = await log.create("run", "ada");
  await writer.append(item("a"));
  await writer.append(item("b"));
  const reader = await log.open("run", "ada", 0);
  assert.equal((await reader?.read())?.length, 2);
  await writer.append(item("c"));
  await reader?.close();
  assert.equal((await (await log.open("run", "ada", 0))?.read())?.length, 3);
});

Deno.test("memoryReplayLog() gives a reader some 64 KiB at a time, which it may keep for long", async () => {
  const log = memoryReplayLog({ graceMs: Infinity });
  const writer = await log.create("run", "ada");
  for (let i = 0; i < 10; i++) await writer.append(item(`${i}`.repeat(20_000)));
  const reader = await log.open("run", "ada", 0);
  const read: string[] = [];
  while (read.length < 10) {
    const events = await reader?.read() ?? assert.fail();
    assert.ok(events.length <= 2, `${events.length} events of 40 KB`);
    read.push(...events.map(({ data }) => data.slice(0, 1)));
  }
  assert.deepEqual(read, [..."0123456789"]);
});

Deno.test("memoryReplayLog() does not abort the signal of a writer that has ended", async () => {
  const log = memoryReplayLog();
  const writer = await log.create("run", "ada");
  await writer.append(LAST);
  await log.delete("run", "ada");
  assert.equal(writer.signal.aborted, false);
});

Deno.test("memoryReplayLog() refuses an event behind the last one", async () => {
  const writer = await memoryReplayLog().create("run", "ada");
  await writer.append(LAST);
  await assert.rejects(writer.append(item("a")), TypeError);
});

for (const option of ["maxEvents", "maxBytes", "maxRuns", "maxRunsPerOwner"] as const) {
  Deno.test(`memoryReplayLog() refuses ${option} that is no positive integer`, () => {
    for (const value of [0, -1, 1.5, NaN]) {
      assert.throws(() => memoryReplayLog({ [option]: value }), RangeError);
    }
    memoryReplayLog({ [option]: Infinity });
  });
}

for (const option of ["graceMs", "maxAgeMs"] as const) {
  Deno.test(`memoryReplayLog() refuses ${option} that is no duration`, () => {
    for (const value of [-1, NaN]) {
      assert.throws(() => memoryReplayLog({ [option]: value }), RangeError);
    }
    for (const value of [0, Infinity]) memoryReplayLog({ [option]: value });
  });
}

type Step =
  | { kind: "append" }
  | { kind: "read" }
  | { kind: "close" }
  /** Comes back with what it has, or with less, as what was on its way is lost. */
  | { kind: "open"; lost: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ kind: "append" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "read" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "close" }) },
  { weight: 2, arbitrary: fc.nat(5).map((lost): Step => ({ kind: "open", lost })) },
);

Deno.test("memoryReplayLog() gives a reader every event once and in order, or says that it is gone, whatever happens", async () => {
  const limits: fc.Arbitrary<MemoryReplayLogOptions> = fc.record({
    maxEvents: fc.constantFrom(1, 2, 3, 6, Infinity),
    maxBytes: fc.constantFrom(1, 200, 1_000, Infinity),
  });
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (options, steps) => {
      const log = memoryReplayLog({ ...options, graceMs: Infinity });
      const writer = await log.create("run", "ada");
      let appended = 0;
      let has = 0;
      let reader = await log.open("run", "ada", 0);
      for (const step of steps) {
        if (step.kind === "append") await writer.append(item(`${appended++}`));
        if (step.kind === "close") {
          await reader?.close();
          reader = undefined;
        }
        if (step.kind === "open") {
          has = Math.max(0, has - step.lost);
          reader = await log.open("run", "ada", has);
          if (reader === undefined) {
            assert.ok(options.maxEvents !== Infinity || options.maxBytes !== Infinity);
            return;
          }
        }
        if (step.kind === "read" && reader !== undefined && has < appended) {
          for (const { data } of await reader.read() ?? []) assert.equal(data, `${has++}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});
