import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  domainEvent,
  fallback,
  handlers,
  type MessageOf,
  streamRequest,
  withRetry,
} from "../../../mod.ts";

const Work = command("work");
const Items = streamRequest("items").yields<number>();
const Done = domainEvent("done");

/** More than a call takes arguments. */
const COUNT = 200_000;

type Work = MessageOf<typeof Work>;
type Emit = { readonly emit: (event: ReturnType<typeof Done>) => void };

function emitMany(_data: unknown, { emit }: Emit): void {
  const event = Done();
  for (let i = 0; i < COUNT; i++) emit(event);
}

for (
  const [where, work] of [
    ["withRetry()", withRetry<Work, Emit>(emitMany)],
    ["fallback()", fallback<Work, Emit>(emitMany, () => {})],
    ["chain()", chain<Work, Emit>(emitMany)],
  ] as const
) {
  Deno.test(`${COUNT} events of a handler within ${where} are all dispatched`, async () => {
    let events = 0;
    const app = bootstrap(handlers().on(Work, work).on(Done, () => void events++));
    await app.send(Work());
    assert.equal(events, COUNT);
  });
}

Deno.test(`${COUNT} events of a streaming handler within a middleware are all dispatched`, async () => {
  let events = 0;
  const app = bootstrap(
    handlers()
      .on(Done, () => void events++)
      .use((_context, next) => next())
      .on(Items, async function* (data, context) {
        emitMany(data, context);
        yield await Promise.resolve(1);
      }),
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), [1]);
  assert.equal(events, COUNT);
});
