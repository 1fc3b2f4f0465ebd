import assert from "node:assert/strict";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { recorder, settled } from "./support.ts";

const Items = streamRequest("items").yields<number>();
const reason = new Error("The caller has left");

/** A stream whose handler is at work on its first item, deaf to its signal, until `gate` settles. */
async function atWork() {
  const gate = Promise.withResolvers<number>();
  const caller = new AbortController();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Items, async function* () {
      yield await gate.promise;
    }),
    { observer },
  );
  const stream = app.stream(Items(), { signal: caller.signal });
  const reading = stream.next().catch((error: unknown) => error);
  await settled();
  return { gate, caller, of, stream, reading };
}

for (const outcome of ["fulfilled", "rejected"] as const) {
  Deno.test(`leaving a stream whose handler is deaf to its signal is seen at once, and that it ${outcome} when it has`, async () => {
    const { gate, of, stream, reading } = await atWork();
    const left = stream.return();
    await settled();
    assert.equal(of("cancelled").length, 1);
    assert.deepEqual(of("overran"), []);
    if (outcome === "fulfilled") gate.resolve(1);
    else gate.reject(new Error("Too late"));
    await Promise.allSettled([left, reading]);
    await settled();
    assert.deepEqual(of("overran").map((event) => event.outcome), [outcome]);
    assert.deepEqual(of("overran").map(({ message }) => message.type), ["items"]);
    assert.equal(of("cancelled").length, 1);
    assert.deepEqual([of("completed"), of("failed")], [[], []]);
  });
}

Deno.test("an abort of a stream whose handler is deaf to its signal is seen at once, and its end when it has ended", async () => {
  const { gate, caller, of, reading } = await atWork();
  caller.abort(reason);
  assert.equal(await reading, reason);
  assert.deepEqual(of("cancelled").map((event) => event.reason), [reason]);
  assert.deepEqual(of("overran"), []);
  gate.resolve(1);
  await settled();
  assert.deepEqual(of("overran").map((event) => event.outcome), ["fulfilled"]);
  assert.equal(of("cancelled").length, 1);
});
