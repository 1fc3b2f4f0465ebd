import assert from "node:assert/strict";
import { bootstrap, handlers, streamRequest } from "../../../mod.ts";
import { settled } from "./support.ts";

const Items = streamRequest("items").yields<number>();

Deno.test("disposing ends open streams, waits for their finally, and tells their readers", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Items, async function* (_data, { signal }) {
      try {
        yield 1;
        yield 2;
      } finally {
        await settled();
        log.push(`finally, ${signal.reason.code}`);
      }
    }),
    { onShutdown: [() => void log.push("shutdown")] },
  );
  const [read, abandoned] = [app.stream(Items()), app.stream(Items())];
  await read.next();
  await abandoned.next();
  await app[Symbol.asyncDispose]();
  assert.deepEqual(log, ["finally, app_closed", "finally, app_closed", "shutdown"]);
  await assert.rejects(read.next(), { code: "app_closed" });
});

Deno.test("disposing tells a reader that waits for an item that the stream was cut", async () => {
  const app = bootstrap(
    handlers().on(Items, async function* (_data, { signal }) {
      await new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
      yield 1;
    }),
  );
  const reading = assert.rejects(app.stream(Items()).next(), { code: "app_closed" });
  await settled();
  await app[Symbol.asyncDispose]();
  await reading;
});

Deno.test("disposing ends a stream that waits for start-up", async () => {
  const starting = Promise.withResolvers<void>();
  const app = bootstrap(handlers().on(Items, () => assert.fail("run")), {
    onStartup: [() => starting.promise],
  });
  const reading = assert.rejects(app.stream(Items()).next(), { code: "app_closed" });
  await settled();
  const disposed = app[Symbol.asyncDispose]();
  starting.resolve();
  await disposed;
  await reading;
});
