import assert from "node:assert/strict";
import {
  memoryReplayLog,
  type ReplayEvent,
  type ReplayLog,
  type ReplayReader,
} from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { turns } from "./turns.ts";

const LAST: ReplayEvent = { event: "done", data: "{}", isLast: true };

/** An event that counts 128 bytes, 8 for its name, and 2 for each character. */
function item(data: string): ReplayEvent {
  return { event: "item", data, isLast: false };
}

async function mustOpen(log: ReplayLog, position: number, run = "run"): Promise<ReplayReader> {
  return await log.open(run, "ada", position) ?? assert.fail(`no reader behind ${position}`);
}

/** Whether a promise resolves without anything else happening. */
async function resolves(promise: Promise<unknown>): Promise<boolean> {
  let hasResolved = false;
  promise.then(() => hasResolved = true, () => {});
  await turns();
  return hasResolved;
}

for (
  const [what, limits] of [
    ["events", { maxEvents: 100, maxBytes: Infinity }],
    ["bytes", { maxEvents: Infinity, maxBytes: 100 * 146 }],
  ] as const
) {
  Deno.test(`memoryReplayLog() loses no event while thousands pass through a few ${what}`, async () => {
    const log = memoryReplayLog({ ...limits, graceMs: Infinity });
    const writer = await log.create("run", "ada");
    let reader = await mustOpen(log, 0);
    let has = 0;
    for (let next = 10_000; next < 15_000; next++) {
      const reading = reader.read();
      await writer.wanted();
      await writer.append(item(`${next}`));
      for (const { data } of await reading ?? []) assert.equal(data, `${10_000 + has++}`);
      if ((next - 10_000) % 150 !== 149) continue;
      // Comes back with less than it was given, as what was on its way is lost.
      await reader.close();
      has -= 80;
      reader = await mustOpen(log, has);
      while (has + 10_000 <= next) {
        for (const { data } of await reader.read() ?? []) assert.equal(data, `${10_000 + has++}`);
      }
    }
    assert.equal(has, 5_000);
    assert.equal(await log.open("run", "ada", has - 102), undefined);
  });
}

Deno.test("memoryReplayLog() takes no more when exactly maxBytes are kept", async () => {
  const log = memoryReplayLog({ maxBytes: 2 * 138, graceMs: Infinity });
  const writer = await log.create("run", "ada");
  await writer.append(item("a"));
  assert.equal(await resolves(writer.wanted()), true);
  await writer.append(item("b"));
  assert.equal(await resolves(writer.wanted()), false);
});

Deno.test("memoryReplayLog() lets go of as many events as make room", async () => {
  const log = memoryReplayLog({ maxBytes: 1_000, graceMs: Infinity });
  const writer = await log.create("run", "ada");
  for (const data of ["a", "b", "c", "d", "e", "f", "x".repeat(250)]) {
    await writer.append(item(data));
  }
  await (await mustOpen(log, 6)).close();
  assert.equal(await resolves(writer.wanted()), true);
});

Deno.test("memoryReplayLog() keeps what a reader asked for that had more before", async () => {
  const log = memoryReplayLog({ maxEvents: 4, graceMs: Infinity });
  const writer = await log.create("run", "ada");
  for (const data of ["a", "b", "c", "d"]) await writer.append(item(data));
  await mustOpen(log, 3);
  await (await mustOpen(log, 0)).close();
  assert.equal(await resolves(writer.wanted()), false);
  await writer.append(item("e"));
  assert.equal((await (await mustOpen(log, 0)).read())?.length, 5);
});

Deno.test("memoryReplayLog() leaves a reader alone when another one comes for what is gone", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ maxEvents: 1, clock });
  const writer = await log.create("run", "ada");
  const reader = await mustOpen(log, 0);
  for (const data of ["a", "b"]) {
    const reading = reader.read();
    await writer.append(item(data));
    await reading;
  }
  const reading = reader.read();
  for (const position of [0, 3, -1, NaN, Infinity]) {
    assert.equal(await log.open("run", "ada", position), undefined);
  }
  for (const owner of ["eve", ""]) {
    assert.equal(await log.open("run", owner, 2), undefined);
    assert.equal(await log.delete("run", owner), false);
  }
  await clock.advance(60_000);
  await writer.append(item("c"));
  assert.deepEqual(await reading, [item("c")]);
});

Deno.test("memoryReplayLog() asks for nothing on behalf of a reader that was replaced", async () => {
  const log = memoryReplayLog({ graceMs: Infinity });
  const writer = await log.create("run", "ada");
  const before = await mustOpen(log, 0);
  const wanted = writer.wanted();
  const reading = before.read();
  const opening = mustOpen(log, 0);
  assert.equal(await resolves(wanted), false);
  assert.equal(await reading, undefined);
  void (await opening).read();
  assert.equal(await resolves(wanted), true);
});

Deno.test("memoryReplayLog() rejects wanted() of a run that was deleted before", async () => {
  const log = memoryReplayLog();
  const writer = await log.create("run", "ada");
  await log.delete("run", "ada");
  await assert.rejects(writer.wanted(), (error) => error === writer.signal.reason);
});

Deno.test("memoryReplayLog() keeps an ended run after its reader has left, and counts its age from the end", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock, graceMs: 10, maxAgeMs: 100 });
  const writer = await log.create("run", "ada");
  const reader = await mustOpen(log, 0);
  await clock.advance(1_000);
  const reading = reader.read();
  await writer.append(LAST);
  assert.deepEqual(await reading, [LAST]);
  await reader.close();
  await clock.advance(99);
  assert.deepEqual(await (await mustOpen(log, 0)).read(), [LAST]);
  assert.equal(writer.signal.aborted, false);
});

Deno.test("memoryReplayLog() forgets all of a run, so that another one of its name lives its own life", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock, graceMs: Infinity, maxAgeMs: 100, maxRuns: 2 });
  await (await log.create("run", "ada")).append(LAST);
  await log.delete("run", "ada");
  const writer = await log.create("run", "ada");
  await clock.advance(200);
  await log.create("other", "ada");
  await writer.append(item("a"));
  assert.deepEqual(await (await mustOpen(log, 0)).read(), [item("a")]);
});

Deno.test("memoryReplayLog() takes run after run however they end, and leaves no timer", async () => {
  const clock = new ManualClock();
  const log = memoryReplayLog({ clock, graceMs: 10, maxAgeMs: 10, maxEvents: 4, maxRuns: 8 });
  for (let i = 0; i < 2_000; i++) {
    const run = `${i}`;
    const writer = await log.create(run, "ada");
    const reader = i % 2 === 0 ? await mustOpen(log, 0, run) : undefined;
    const reading = reader?.read();
    await writer.append(item("a"));
    if (i % 3 === 0) await writer.append(LAST);
    if (i % 5 === 0) await log.delete(run, "ada");
    else await reader?.close();
    await reading;
    if (i % 3 !== 0) {
      await writer.wanted().catch((error) => assert.equal(error, writer.signal.reason));
    }
    if (i % 7 === 0) await clock.advance(20);
  }
  await clock.advance(20);
  assert.equal(clock.pendingTimers, 0);
  for (let i = 0; i < 8; i++) await log.create(`new ${i}`, "ada");
  await clock.advance(20);
});

Deno.test("memoryReplayLog() tells runs and owners apart whatever characters they have", async () => {
  const log = memoryReplayLog({ graceMs: Infinity });
  const names = ["a", "a:b", "b", "", " a", "a\u0000", "__proto__", "\ud800", "é", "e\u0301"];
  for (const run of names) {
    for (const owner of names) {
      await (await log.create(`${run}/${owner}`, owner)).append(item(`${run} of ${owner}`));
    }
  }
  for (const run of names) {
    for (const owner of names) {
      for (const other of names) {
        const reader = await log.open(`${run}/${owner}`, other, 0);
        const events = await reader?.read();
        assert.deepEqual(events, other === owner ? [item(`${run} of ${owner}`)] : undefined);
      }
    }
  }
});
