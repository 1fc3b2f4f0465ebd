import assert from "node:assert/strict";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { namesInUse } from "../../../src/hono/event_names.ts";
import { RunEvents } from "../../../src/hono/run_events.ts";

const Watch = streamRequest("watch").yields<number>();

/** The events of a run whose handler is `handle`. */
function eventsOf(handle: () => AsyncIterable<number>): RunEvents<number> {
  return new RunEvents(
    { id: "run", url: undefined },
    bootstrap(handlers().on(Watch, handle)).stream(Watch()),
    {
      check: undefined,
      serialize: JSON.stringify,
      names: namesInUse(),
      describe: () => "{}",
      report: (error) => assert.fail(String(error)),
    },
  );
}

const over = { done: true, value: undefined };

Deno.test("RunEvents gives nothing after it was left", async () => {
  const events = eventsOf(async function* () {
    yield await Promise.resolve(1);
  });
  assert.deepEqual(await events.return(), over);
  assert.deepEqual(await events.next(), over);
});

Deno.test("RunEvents does not say that a run is done which was left while it waited", async () => {
  const gate = Promise.withResolvers<number>();
  const events = eventsOf(async function* () {
    yield await gate.promise;
  });
  await events.next();
  const waiting = events.next();
  const left = events.return();
  assert.deepEqual(await waiting, over);
  gate.resolve(1);
  await left;
});

Deno.test("RunEvents gives nothing after its last event", async () => {
  const events = eventsOf(async function* () {});
  await events.next();
  assert.equal((await events.next()).value?.event, "done");
  assert.deepEqual(await events.next(), over);
});
