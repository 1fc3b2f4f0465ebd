import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  handlers,
  type Middleware,
  notification,
  type Registry,
  retry,
  timeout,
  type,
} from "../../../mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import type { MemoryTransaction } from "../../../src/storage/memory/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { recorder, settled } from "../mediator/support.ts";
import { ledger } from "./ledger.ts";

const Do = command("do").returns<string>();
const Done = domainEvent("done");
const Told = notification("told", { topic: "news", data: type<number>() });
const failure = new Error("Failed");
const reason = new Error("The caller has left");

type Within = Registry<never, Context & { readonly tx: MemoryTransaction }>;
type Surround = (storage: ReturnType<typeof ledger>) => Within;

const passOn = (): Middleware => (_context, next) => next();
/** Where `transactional` may stand. */
const places: Readonly<Record<string, Surround>> = {
  "alone": (storage) => handlers().use(transactional(storage)),
  "between middlewares": (storage) =>
    handlers().use(passOn()).use(transactional(storage)).use(passOn()),
  "behind a middleware that replaces the signal": (storage) =>
    handlers().use((_context, next) => next({ signal: new AbortController().signal }))
      .use(transactional(storage)),
};

/** An application with one command in a transaction, which does `work` after it has emitted. */
function working(within: Surround, work: () => Promise<unknown> | void = () => {}) {
  const storage = ledger();
  const { observer, of } = recorder();
  let events = 0;
  const count = { runs: 0 };
  const app = bootstrap(
    handlers().on(Done, () => void events++).add(
      within(storage).on(Do, async (_data, { tx, emit }) => {
        count.runs++;
        tx.client.set("n", 1);
        emit(Told(1), Done());
        await work();
        return "done";
      }),
    ),
    { observer },
  );
  const caller = new AbortController();
  const { signal, listeners } = countingSignal(caller.signal);
  return {
    app,
    storage,
    count,
    of,
    caller,
    signal,
    listeners,
    /** What has come out: committed writes, stored messages, handled events. */
    async out() {
      return [await storage.valueOf("n") ?? 0, (await storage.outboxed()).length, events];
    },
  };
}

for (const [place, within] of Object.entries(places)) {
  Deno.test(`an abort while a transaction ${place} is being opened keeps the handler from running`, async () => {
    const { app, storage, count, caller, signal, out } = working(within);
    const gate = Promise.withResolvers<void>();
    storage.at.begin = () => gate.promise;
    const sent = app.send(Do(), { signal });
    const outcome = sent.catch((error) => error);
    await settled();
    caller.abort(reason);
    assert.equal(await outcome, reason);
    gate.resolve();
    await settled();
    delete storage.at.begin;
    // A middleware that replaces the signal hides the abort from what is inside of it.
    assert.equal(count.runs, place.includes("replaces") ? 1 : 0);
    assert.equal(storage.log.at(-1), "rollback 1");
    assert.deepEqual(await out(), [0, 0, 0]);
  });

  Deno.test(`an abort while the handler of a transaction ${place} is at work rejects at once, and rolls back when it ends`, async () => {
    const gate = Promise.withResolvers<void>();
    const { app, storage, caller, signal, listeners, out, of } = working(
      within,
      () => gate.promise,
    );
    const sent = app.send(Do(), { signal });
    const outcome = sent.catch((error) => error);
    await settled();
    caller.abort(reason);
    assert.equal(await outcome, reason);
    gate.resolve();
    await settled();
    assert.equal(storage.log.at(-1), "rollback 1");
    assert.equal(storage.log.some((line) => line.startsWith("committing")), false);
    assert.deepEqual(await out(), [0, 0, 0]);
    const isHidden = place.includes("replaces");
    assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
      [2, isHidden ? "handler_failed" : "cancelled"],
    ]);
    assert.equal(of("cancelled").length, 1);
    assert.equal(listeners(), 0);
  });

  Deno.test(`an abort while the messages of a transaction ${place} are being stored rejects at once and rolls back`, async () => {
    const { app, storage, caller, signal, out, of } = working(within);
    const gate = Promise.withResolvers<void>();
    storage.at.append = () => gate.promise;
    const outcome = app.send(Do(), { signal }).catch((error) => error);
    await settled();
    assert.equal(storage.log.at(-1), "append 1 told");
    caller.abort(reason);
    assert.equal(await outcome, reason);
    gate.resolve();
    await settled();
    assert.equal(storage.log.at(-1), "rollback 1");
    assert.deepEqual(await out(), [0, 0, 0]);
    assert.equal(of("dropped").flatMap(({ messages }) => messages).length, 2);
  });

  Deno.test(`an abort during the commit of a transaction ${place} is too late`, async () => {
    const { app, storage, caller, signal, listeners, out, of } = working(within);
    const gate = Promise.withResolvers<void>();
    storage.at.committing = () => gate.promise;
    const sent = app.send(Do(), { signal });
    await settled();
    caller.abort(reason);
    await settled();
    gate.resolve();
    delete storage.at.committing;
    assert.equal(await sent, "done");
    assert.deepEqual(await out(), [1, 1, 1]);
    assert.deepEqual([of("dropped"), of("cancelled"), of("overran")], [[], [], []]);
    assert.equal(listeners(), 0);
  });

  Deno.test(`an abort during the commit of a transaction ${place} that fails leaves the call its error`, async () => {
    const { app, storage, caller, signal, out, of } = working(within);
    const gate = Promise.withResolvers<void>();
    storage.at.committing = () => gate.promise;
    const sent = assert.rejects(app.send(Do(), { signal }), failure);
    await settled();
    caller.abort(reason);
    await settled();
    gate.reject(failure);
    delete storage.at.committing;
    await sent;
    assert.deepEqual(await out(), [0, 0, 0]);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [2]);
  });
}

Deno.test("an abort after the commit, while middlewares are still at work, is too late", async () => {
  const caller = new AbortController();
  const gate = Promise.withResolvers<void>();
  const { app, storage, out } = working((storage) =>
    handlers().use(async (_context, next) => {
      const result = await next();
      await gate.promise;
      return result;
    }).use(transactional(storage))
  );
  const sent = app.send(Do(), { signal: caller.signal });
  await settled();
  assert.equal(storage.log.at(-1), "commit 1");
  caller.abort(reason);
  await settled();
  gate.resolve();
  assert.equal(await sent, "done");
  assert.deepEqual(await out(), [1, 1, 1]);
});

Deno.test("an abort while a transaction runs again after one that has committed is not too late", async () => {
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const { app, storage, caller, signal, out } = working(
    (storage) =>
      handlers().use(async (_context, next) => {
        await next();
        return await next();
      }).use(transactional(storage)),
    () => ++runs === 1 ? undefined : gate.promise,
  );
  const outcome = app.send(Do(), { signal }).catch((error) => error);
  await settled();
  caller.abort(reason);
  await settled();
  assert.equal(await outcome, reason);
  gate.resolve();
  await settled();
  assert.equal(storage.log.at(-1), "rollback 2");
  assert.deepEqual(await out(), [1, 1, 1]); // of the first
});

Deno.test("an abort after a failed commit is not too late", async () => {
  const caller = new AbortController();
  const { app, storage } = working((storage) =>
    handlers().use((_context, next) => next().catch(() => new Promise(() => {})))
      .use(transactional(storage))
  );
  storage.at.committing = () => Promise.reject(failure);
  const outcome = app.send(Do(), { signal: caller.signal }).catch((error) => error);
  await settled();
  caller.abort(reason);
  assert.equal(await outcome, reason);
});

Deno.test("an abort reaches nested sends within a transaction, which is rolled back", async () => {
  const Inner = command("inner");
  const storage = ledger();
  const caller = new AbortController();
  const app = bootstrap(
    handlers().use(transactional(storage))
      .on(Inner, async (_data, { emit, signal }) => {
        emit(Told(1));
        await settled();
        signal.throwIfAborted();
      })
      .on(Do, async (_data, { send }) => {
        await send(Inner());
        return "done";
      }),
  );
  const sent = assert.rejects(app.send(Do(), { signal: caller.signal }), reason);
  caller.abort(reason);
  await sent;
  await settled();
  assert.deepEqual(storage.log, ["begin 1", "rollback 1"]);
});

/** `timeout` of 100 ms around `transactional`, and what else stands between. */
const limits: Readonly<Record<string, (clock: ManualClock) => Surround>> = {
  "timeout()": (clock) => (storage) =>
    handlers().use(timeout(100, { clock })).use(transactional(storage)),
  "timeout() further out": (clock) => (storage) =>
    handlers().use(timeout(100, { clock })).use(passOn()).use(transactional(storage)).use(passOn()),
  "two timeout()": (clock) => (storage) =>
    handlers().use(timeout(100, { clock })).use(timeout(100, { clock }))
      .use(transactional(storage)),
};

for (const [limit, limited] of Object.entries(limits)) {
  Deno.test(`${limit} that passes before the commit begins rolls back`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    const { app, storage, out, of } = working(limited(clock), () => gate.promise);
    const sent = assert.rejects(app.send(Do()), { name: "TimeoutError" });
    await clock.advance(100);
    await sent;
    gate.resolve();
    await settled();
    assert.equal(storage.log.at(-1), "rollback 1");
    assert.deepEqual(await out(), [0, 0, 0]);
    assert.deepEqual(of("dropped").map(({ messages, reason }) => [messages.length, reason]), [
      [2, "cancelled"],
    ]);
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${limit} that passes while messages are being stored rolls back`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    const { app, storage, out } = working(limited(clock));
    storage.at.append = () => gate.promise;
    const sent = assert.rejects(app.send(Do()), { name: "TimeoutError" });
    await clock.advance(100);
    await sent;
    gate.resolve();
    await settled();
    assert.equal(storage.log.at(-1), "rollback 1");
    assert.deepEqual(await out(), [0, 0, 0]);
  });

  Deno.test(`${limit} that passes during the commit waits for it, and the call succeeds with that`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    const { app, storage, out, of } = working(limited(clock));
    storage.at.committing = () => gate.promise;
    const sent = app.send(Do());
    await clock.advance(1_000);
    gate.resolve();
    delete storage.at.committing;
    assert.equal(await sent, "done");
    assert.deepEqual(await out(), [1, 1, 1]);
    assert.deepEqual([of("dropped"), of("overran")], [[], []]);
    assert.equal(clock.pendingTimers, 0);
  });

  Deno.test(`${limit} that passes during a commit that fails leaves the call the driver's error`, async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    const { app, storage, out, of } = working(limited(clock));
    storage.at.committing = () => gate.promise;
    const sent = assert.rejects(app.send(Do()), failure);
    await clock.advance(1_000);
    gate.reject(failure);
    delete storage.at.committing;
    await sent;
    assert.deepEqual(await out(), [0, 0, 0]);
    assert.equal(of("dropped").flatMap(({ messages }) => messages).length, 2);
    assert.equal(clock.pendingTimers, 0);
  });
}

Deno.test("timeout() that passes during a commit that fails holds for the attempt that follows", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  let attempts = 0;
  const { app, storage, out } = working(
    (storage) =>
      handlers().use(timeout(100, { clock })).use(retry({ clock, backoff: () => 0 }))
        .use(transactional(storage)),
    () => ++attempts === 1 ? undefined : gate.promise,
  );
  const commit = Promise.withResolvers<void>();
  storage.at.committing = () => commit.promise;
  const sent = assert.rejects(app.send(Do()), { name: "TimeoutError" });
  await clock.advance(100);
  delete storage.at.committing;
  commit.reject(failure);
  await clock.advance(0);
  await sent;
  gate.resolve();
  await settled();
  assert.deepEqual(await out(), [0, 0, 0]);
});

Deno.test("timeout() does not hold for what middlewares do after the commit", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const { app, out } = working((storage) =>
    handlers().use(timeout(100, { clock })).use(async (_context, next) => {
      const result = await next();
      await gate.promise;
      return result;
    }).use(transactional(storage))
  );
  const sent = app.send(Do());
  await clock.advance(1_000);
  gate.resolve();
  assert.equal(await sent, "done");
  assert.deepEqual(await out(), [1, 1, 1]);
});

Deno.test("timeout() within transactional() rolls back", async () => {
  const clock = new ManualClock();
  const { app, storage, out } = working(
    (storage) => handlers().use(transactional(storage)).use(timeout(100, { clock })),
    () => new Promise(() => {}),
  );
  const sent = assert.rejects(app.send(Do()), { name: "TimeoutError" });
  await clock.advance(100);
  await sent;
  assert.equal(storage.log.at(-1), "rollback 1");
  assert.deepEqual(await out(), [0, 0, 0]);
});

Deno.test("timeout() of an event handler waits for the commit of its transaction", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const storage = ledger();
  storage.at.committing = () => gate.promise;
  const app = bootstrap(
    handlers().use(timeout(100, { clock })).use(transactional(storage)).on(
      Done,
      (_data, { emit }) => emit(Told(1)),
    ),
  );
  const dispatched = app.dispatch(Done());
  await clock.advance(1_000);
  gate.resolve();
  delete storage.at.committing;
  await dispatched;
  assert.deepEqual(await storage.outboxed(), ["told 1"]);
});
