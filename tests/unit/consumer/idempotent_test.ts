import { bootstrap, command, handlers, notification, streamRequest, type } from "@sluice/cqrs";
import { idempotent, type IdempotentOptions, inboxPurge } from "@sluice/cqrs/consumer";
import { transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";

const Pay = command("pay", type<{ cents: number; to?: string }>()).returns<{ receipt: number }>();
const Paid = notification("paid", { topic: "payments", data: type<{ receipt: number }>() });
const headers = { "idempotency-key": "key 1" };

function payments(options: IdempotentOptions = {}, beforeEnd: () => unknown = () => {}) {
  const clock = new ManualClock();
  const storage = memoryStorage({ clock });
  let runs = 0;
  const app = bootstrap(
    handlers().use(idempotent(storage, options)).on(Pay, async ({ cents }, { tx, emit }) => {
      const receipt = ++runs;
      tx.client.set("paid", Number(tx.client.get("paid") ?? 0) + cents);
      emit(Paid({ receipt }));
      await beforeEnd();
      return { receipt };
    }),
  );
  return {
    app,
    clock,
    storage,
    runs: () => runs,
    paid: () => storage.transaction((tx) => tx.client.get("paid")),
    pending: async () => (await storage.outbox.statistics()).pending,
  };
}

Deno.test("idempotent() runs the handler once for each key, and gives its answer to whoever asks again", async () => {
  const { app, runs, paid, pending } = payments();
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers })), { receipt: 1 });
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers })), { receipt: 1 });
  assert.equal(runs(), 1);
  assert.equal(await paid(), 5);
  assert.equal(await pending(), 1);
  const other = { "idempotency-key": "key 2" };
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers: other })), { receipt: 2 });
});

Deno.test("idempotent() does not care for the order of keys in the data, and refuses other data", async () => {
  const { app, runs } = payments();
  await app.send(Pay({ cents: 5, to: "Ada" }, { headers }));
  await app.send(Pay({ to: "Ada", cents: 5 }, { headers }));
  await assert.rejects(app.send(Pay({ cents: 6, to: "Ada" }, { headers })), {
    code: "idempotency_mismatch",
    key: "key 1",
  });
  assert.equal(runs(), 1);
});

Deno.test("idempotent() tells whoever asks meanwhile for how long it may last", async () => {
  const isOver = Promise.withResolvers<void>();
  const isBegun = Promise.withResolvers<void>();
  const { app, runs } = payments({ leaseMs: 5_000 }, () => {
    isBegun.resolve();
    return isOver.promise;
  });
  const first = app.send(Pay({ cents: 5 }, { headers }));
  await isBegun.promise;
  await assert.rejects(app.send(Pay({ cents: 5 }, { headers })), {
    code: "idempotency_running",
    retryAfterMs: 5_000,
  });
  isOver.resolve();
  assert.deepEqual(await first, { receipt: 1 });
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers })), { receipt: 1 });
  assert.equal(runs(), 1);
});

Deno.test("idempotent() frees the key of a handler that has failed, of which nothing remains", async () => {
  let failures = 1;
  const { app, paid, pending } = payments({}, () => {
    if (failures-- > 0) throw new RangeError("No");
  });
  await assert.rejects(app.send(Pay({ cents: 5 }, { headers })), RangeError);
  assert.equal(await paid(), undefined);
  assert.equal(await pending(), 0);
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers })), { receipt: 2 });
});

Deno.test("idempotent() undoes what outlived its lease when somebody else has begun since", async () => {
  const isOver = Promise.withResolvers<void>();
  const isBegun = Promise.withResolvers<void>();
  let runs = 0;
  const { app, clock, paid } = payments({ leaseMs: 1_000 }, async () => {
    if (++runs > 1) return;
    isBegun.resolve();
    await isOver.promise;
  });
  const slow = app.send(Pay({ cents: 5 }, { headers }));
  await isBegun.promise;
  await clock.advance(1_001);
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers })), { receipt: 2 });
  isOver.resolve();
  await assert.rejects(slow, { code: "lease_lost" });
  assert.equal(await paid(), 5);
  assert.deepEqual(await app.send(Pay({ cents: 5 }, { headers })), { receipt: 2 });
});

Deno.test("idempotent() handles each message without a key, unless that is refused", async () => {
  const { app, runs } = payments();
  await app.send(Pay({ cents: 5 }));
  await app.send(Pay({ cents: 5 }));
  assert.equal(runs(), 2);
  const strict = payments({ isRequired: true });
  await assert.rejects(strict.app.send(Pay({ cents: 5 })), {
    code: "idempotency_key_missing",
    messageType: "pay",
  });
  assert.equal(strict.runs(), 0);
});

Deno.test("idempotent() keeps the keys of scopes apart", async () => {
  const { app, runs } = payments({ scope: ({ metadata }) => metadata.headers["x-user"] ?? "" });
  for (const user of ["Ada", "Grace", "Ada"]) {
    await app.send(Pay({ cents: 5 }, { headers: { ...headers, "x-user": user } }));
  }
  assert.equal(runs(), 2);
});

Deno.test("idempotent() takes the key from where it is told", async () => {
  const { app, runs } = payments({ key: ({ metadata }) => metadata.correlationId });
  await app.send(Pay({ cents: 5 }, { correlationId: "c1" }));
  await app.send(Pay({ cents: 5 }, { correlationId: "c1" }));
  assert.equal(runs(), 1);
});

Deno.test("idempotent() shares its transaction with handlers within transactional()", async () => {
  const storage = memoryStorage();
  const app = bootstrap(
    handlers().use(idempotent(storage)).use(transactional(storage)).on(Pay, (_data, { tx }) => {
      tx.client.set("receipts", 1);
      throw new RangeError("No");
    }),
  );
  await assert.rejects(app.send(Pay({ cents: 5 }, { headers })), RangeError);
  assert.equal(await storage.transaction((tx) => tx.client.get("receipts")), undefined);
});

Deno.test("idempotent() keeps an answer of nothing, and fails for one that has no form in JSON", async () => {
  const storage = memoryStorage();
  const Note = command("note", type<{ text: string }>());
  const Ask = command("ask").returns<unknown>();
  let notes = 0;
  const app = bootstrap(
    handlers().use(idempotent(storage)).on(Note, () => void notes++).on(Ask, (_data, { tx }) => {
      tx.client.set("asked", true);
      return () => {};
    }),
  );
  assert.equal(await app.send(Note({ text: "" }, { headers })), undefined);
  assert.equal(await app.send(Note({ text: "" }, { headers })), undefined);
  assert.equal(notes, 1);
  await assert.rejects(app.send(Ask(undefined, { headers })), /no form for a function/);
  assert.equal(await storage.transaction((tx) => tx.client.get("asked")), undefined);
});

Deno.test("idempotent() runs the handler again when the answer was purged", async () => {
  const { app, clock, runs, storage } = payments();
  await app.send(Pay({ cents: 5 }, { headers }));
  await clock.advance(60_000);
  const purge = inboxPurge({ storage, retentionMs: 60_000, clock });
  assert.equal((await purge.tick({ budgetMs: 1_000 })).deleted, 1);
  await app.send(Pay({ cents: 5 }, { headers }));
  assert.equal(runs(), 2);
});

Deno.test("idempotent() refuses streams and leases that make no sense", () => {
  const storage = memoryStorage();
  const Count = streamRequest("count").yields<number>();
  const registry = handlers().use(idempotent(storage)).on(Count, async function* () {
    yield await Promise.resolve(1);
  });
  assert.throws(() => bootstrap(registry), /Cannot stream "count" under an idempotency key/);
  for (const leaseMs of [0, -1, NaN, Infinity]) {
    assert.throws(() => idempotent(storage, { leaseMs }), RangeError);
  }
});
