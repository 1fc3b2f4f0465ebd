import assert from "node:assert/strict";
import { fail, inTime, logOf, trio } from "./support.ts";
import { bootstrap, handlers } from "../../../mod.ts";

Deno.test("stream() of a saga that is left has nothing undone, and streaming it again goes on with the steps that are left", async () => {
  const { app, definition, lines } = trio();
  for await (const { name } of app.stream(definition({ n: 1 }, { id: "s" }))) {
    assert.equal(name, "a");
    break;
  }
  assert.equal((await app.sagas.get("s"))?.status, "running");
  assert.deepEqual(lines, ["act a"]);
  const seen: string[] = [];
  for await (const { name } of app.stream(definition({ n: 2 }, { id: "s" }))) seen.push(name);
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
  assert.deepEqual((await app.sagas.get("s"))?.context, { n: 1 }); // what is stored counts
});

Deno.test("stream() of a saga that is left takes back that the next step was begun, and gives the saga up", async () => {
  const { app, definition, open } = trio();
  for await (const { name } of app.stream(definition({ n: 1 }, { id: "s" }))) {
    assert.equal(name, "a");
    break;
  }
  assert.deepEqual((await logOf(app, "s")).slice(-2), ["act b started", "act b postponed"]);
  const history = await app.sagas.history("s");
  assert.equal(history?.owner, undefined);
  assert.equal(history?.leaseLeftMs, 0);
  assert.equal((await open().sagas.recover("s")).status, "completed");
});

Deno.test("a step that was taken back and then throws is not undone", async () => {
  let throws = false;
  const { app, definition, lines } = trio({
    "act b": () => {
      if (throws) throw new Error("No");
    },
  });
  for await (const item of app.stream(definition({ n: 1 }, { id: "s" }))) {
    assert.equal(item.name, "a");
    break;
  }
  throws = true;
  assert.equal((await app.sagas.recover("s")).status, "compensated");
  assert.deepEqual(lines, ["act a", "act b", "undo a"]);
});

Deno.test("stream() of a saga that is thrown into by its reader detaches too", async () => {
  const { app, definition, lines } = trio();
  await assert.rejects(async () => {
    for await (const _item of app.stream(definition({ n: 1 }, { id: "s" }))) {
      throw new Error("The reader");
    }
  }, /The reader/);
  assert.equal((await app.sagas.get("s"))?.status, "running");
  assert.deepEqual(lines, ["act a"]);
});

for (const way of ["send", "stream"] as const) {
  Deno.test(`an abort of ${way}() within a step lets the step write its checkpoint, and the saga stays as it is`, async () => {
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const { app, definition, lines, clock } = trio({
      "act b": () => {
        begun.resolve();
        return goOn.promise;
      },
    });
    const { signal, abort } = abortable();
    const message = definition({ n: 1 }, { id: "s" });
    const work = way === "send" ? app.send(message, { signal }) : (async () => {
      for await (const _item of app.stream(message, { signal }));
    })();
    const rejected = assert.rejects(work, /Enough/);
    await begun.promise;
    abort();
    goOn.resolve();
    await rejected;
    await clock.advance(0);
    assert.deepEqual(await logOf(app, "s"), [
      "act a started",
      "act a completed",
      "act b started",
      "act b completed",
      "act c started",
      "act c postponed",
    ]);
    assert.equal((await app.sagas.history("s"))?.leaseLeftMs, 0);
    await app.send(definition({ n: 1 }, { id: "s" }));
    assert.deepEqual(lines, ["act a", "act b", "act c"]);
  });
}

Deno.test("an abort of send() before it begins stores nothing", async () => {
  const { app, definition } = trio();
  const { signal, abort } = abortable();
  abort();
  await assert.rejects(app.send(definition({ n: 1 }, { id: "s" }), { signal }), /Enough/);
  assert.equal(await app.sagas.get("s"), undefined);
});

Deno.test("an abort of send() while a compensation waits for its next attempt leaves it for others at its time", async () => {
  let isGood = false;
  const { app, definition, lines, clock } = trio({
    "act b": fail(new Error("No")),
    "undo a": () => {
      if (!isGood) throw new Error("Not yet");
    },
  });
  const { signal, abort } = abortable();
  const sent = assert.rejects(app.send(definition({ n: 1 }, { id: "s" }), { signal }), /Enough/);
  await clock.timersPending(2); // the heartbeat, and the wait
  await clock.advance(400);
  abort();
  await sent;
  await clock.advance(0);
  const history = await app.sagas.history("s");
  assert.equal(history?.leaseLeftMs, 0);
  assert.equal(history?.resumeInMs, 600);
  isGood = true;
  await assert.rejects(inTime(clock, app.send(definition({ n: 1 }, { id: "s" }))), {
    code: "saga_failed",
  });
  assert.equal(clock.now(), 1_001_000);
  assert.deepEqual(lines, ["act a", "act b", "undo a", "undo a"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("an application that is disposed waits for the step at hand and leaves the saga behind it", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { app, definition, lines, clock, open } = trio({
    "act b": () => {
      begun.resolve();
      return goOn.promise;
    },
  });
  const sent = assert.rejects(app.send(definition({ n: 1 }, { id: "s" })), { code: "app_closed" });
  await begun.promise;
  let isDisposed = false;
  const disposed = app[Symbol.asyncDispose]().then(() => isDisposed = true);
  await clock.advance(0);
  assert.equal(isDisposed, false);
  goOn.resolve();
  await disposed;
  await sent;
  assert.equal((await open().sagas.history("s"))?.leaseLeftMs, 0);
  assert.equal((await open().sagas.recover("s")).status, "completed");
  assert.deepEqual(lines, ["act a", "act b", "act c"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("an application that is disposed does not wait for the next attempt of a compensation", async () => {
  const { app, definition, clock, open } = trio({
    "act b": fail(new Error("No")),
    "undo a": fail(new Error("Not yet")),
  });
  const { settled } = await app.sagas.start(definition({ n: 1 }, { id: "s" }));
  await clock.timersPending(2);
  await app[Symbol.asyncDispose]();
  await settled;
  assert.equal((await open().sagas.get("s"))?.status, "compensating");
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("stream() of a saga ends with its application, and the saga is left", async () => {
  const { app, definition, open } = trio();
  const stream = app.stream(definition({ n: 1 }, { id: "s" }))[Symbol.asyncIterator]();
  await stream.next();
  await app[Symbol.asyncDispose]();
  await assert.rejects(stream.next(), { code: "app_closed" });
  assert.equal((await open().sagas.history("s"))?.leaseLeftMs, 0);
});

Deno.test("a saga is not started in an application that is disposed", async () => {
  const { app, definition, open } = trio();
  await app[Symbol.asyncDispose]();
  await assert.rejects(app.send(definition({ n: 1 }, { id: "s" })), { code: "app_closed" });
  await assert.rejects(app.sagas.start(definition({ n: 1 }, { id: "s" })), { code: "app_closed" });
  assert.equal(await open().sagas.get("s"), undefined);
});

Deno.test("a step waits until the application has started", async () => {
  const { definition, options } = trio();
  const order: string[] = [];
  const app = bootstrap(handlers().saga(definition), {
    ...options,
    onStartup: [() => void order.push("startup")],
  });
  const { settled } = await app.sagas.start(definition({ n: 1 }, { id: "s" }));
  await settled;
  assert.deepEqual(order, ["startup"]);
  assert.equal((await app.sagas.get("s"))?.status, "completed");
});

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("Enough")) };
}
