import assert from "node:assert/strict";
import { messagesOf, openStorage } from "./support.ts";

Deno.test("subscribe() with watch calls for what another process stores", async () => {
  using opened = await openStorage({ watch: true });
  const woken = Promise.withResolvers<void>();
  const subscription = await opened.storage.outbox.subscribe(woken.resolve);
  await opened.other().outbox.store(messagesOf("a1"));
  await woken.promise;
  await subscription[Symbol.asyncDispose]();
});

Deno.test("subscribe() with watch calls for wake() of another process that watches too", async () => {
  using opened = await openStorage({ watch: true });
  const woken = Promise.withResolvers<void>();
  const subscription = await opened.storage.outbox.subscribe(woken.resolve);
  await opened.other({ watch: true }).outbox.wake();
  await woken.promise;
  await subscription[Symbol.asyncDispose]();
});

Deno.test("subscribe() without watch opens no stream, and wake() writes nothing then", async () => {
  using opened = await openStorage();
  opened.kv.watch = () => {
    throw new Error("It must not watch");
  };
  let calls = 0;
  const subscription = await opened.storage.outbox.subscribe(() => calls++);
  await opened.storage.outbox.wake();
  assert.equal(calls, 1);
  assert.equal(opened.calls.commits.length, 0);
  await opened.other().outbox.store(messagesOf("a1"));
  await subscription[Symbol.asyncDispose]();
  assert.equal(calls, 1);
});

Deno.test("subscribe() does without watch where the database has none, or its stream breaks", async () => {
  for (
    const watch of [undefined, () =>
      new ReadableStream({
        start: (controller) => controller.error(new Error("No network")),
      })]
  ) {
    using opened = await openStorage({ watch: true });
    if (watch === undefined) delete opened.kv.watch;
    else opened.kv.watch = watch;
    let calls = 0;
    const subscription = await opened.storage.outbox.subscribe(() => calls++);
    await opened.storage.outbox.store(messagesOf("a1"));
    assert.equal(calls, 1);
    await subscription[Symbol.asyncDispose]();
  }
});

Deno.test("subscribe() does not call for how things are", async () => {
  using opened = await openStorage({ watch: true });
  await opened.storage.outbox.store(messagesOf("a1"));
  const first = Promise.withResolvers<void>();
  const { watch } = opened.kv;
  opened.kv.watch = (keys) =>
    (watch?.(keys) ?? new ReadableStream()).pipeThrough(
      new TransformStream({
        transform(chunk, controller) {
          controller.enqueue(chunk);
          first.resolve();
        },
      }),
    );
  let calls = 0;
  const subscription = await opened.other({ watch: true }).outbox.subscribe(() => calls++);
  await first.promise;
  await subscription[Symbol.asyncDispose]();
  assert.equal(calls, 0);
});
