import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { OffsetCommitter } from "../../../src/kafka/offset_committer.ts";

function committerOf(commit: () => Promise<void>) {
  const clock = new ManualClock();
  return { clock, committer: new OffsetCommitter(commit, clock, 100) };
}

Deno.test("OffsetCommitter.schedule() notes at once, and then once in an interval", async () => {
  let count = 0;
  const { clock, committer } = committerOf(() => Promise.resolve(void count++));
  committer.schedule();
  assert.equal(count, 1);
  await settled();
  committer.schedule();
  committer.schedule();
  assert.equal(count, 1);
  await clock.advance(100);
  assert.equal(count, 2);
  await settled();
  await clock.advance(100);
  assert.equal(count, 2);
});

Deno.test("OffsetCommitter.schedule() waits for the note that is under way", async () => {
  const notes: PromiseWithResolvers<void>[] = [];
  const { clock, committer } = committerOf(() => {
    const note = Promise.withResolvers<void>();
    notes.push(note);
    return note.promise;
  });
  committer.schedule();
  committer.schedule();
  await clock.advance(1_000);
  assert.equal(notes.length, 1);
  notes[0]?.resolve();
  await settled();
  await clock.advance(100);
  assert.equal(notes.length, 2);
});

Deno.test("OffsetCommitter.flush() notes now, behind what is under way", async () => {
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const { committer } = committerOf(async () => {
    if (order.length > 0) return void order.push("second");
    order.push("first");
    await first.promise;
  });
  committer.schedule();
  const flushed = committer.flush();
  assert.deepEqual(order, ["first"]);
  first.resolve();
  await flushed;
  assert.deepEqual(order, ["first", "second"]);
});

/** Lets promises that are settled be heard. */
async function settled(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}
