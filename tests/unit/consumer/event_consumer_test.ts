import {
  bootstrap,
  type Codec,
  command,
  domainEvent,
  handlers,
  jsonCodec,
  memoryBroker,
  notification,
  toEnvelope,
  type,
} from "@sluice/cqrs";
import { eventConsumer, memorySource } from "@sluice/cqrs/consumer";
import { compressBody, outboxRelay, transactional } from "@sluice/cqrs/outbox";
import { memoryStorage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import { bench, Greeted, Joined, joined } from "./support.ts";

const storedIn = (storage: ReturnType<typeof memoryStorage>) =>
  storage.outbox.statistics().then(({ pending }) => pending);

function counting(storage: ReturnType<typeof memoryStorage>, onCount: () => void = () => {}) {
  return bootstrap(
    handlers().use(transactional(storage)).on(Joined, ({ id }, { tx, emit }) => {
      tx.client.set("members", Number(tx.client.get("members") ?? 0) + 1);
      emit(Greeted({ id }));
      onCount();
    }),
  );
}

const members = (storage: ReturnType<typeof memoryStorage>) =>
  storage.transaction((tx) => tx.client.get("members"));

Deno.test("eventConsumer() handles a message once, however often it comes", async () => {
  const storage = memoryStorage();
  const { source, drain, log } = bench({ app: counting(storage), storage });
  const message = await joined("u1");
  const deliveries = source.deliver([message, message]);
  assert.equal(await drain(), "1 handled, 1 duplicates, 0 unhandled, 0 failed, 0 dead");
  source.deliver([message]);
  assert.equal(await drain(), "0 handled, 1 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.equal(await members(storage), 1);
  assert.equal(await storedIn(storage), 1);
  assert.deepEqual(deliveries.map(({ acks }) => acks), [1, 1]);
  assert.deepEqual(log, ["u1 handled at 1", "u1 duplicate", "u1 duplicate"]);
});

Deno.test("eventConsumer() undoes all that handlers did when one of them fails", async () => {
  const storage = memoryStorage();
  let failures = 1;
  const app = counting(storage, () => {
    if (failures-- > 0) throw new RangeError("No");
  });
  const { source, drain, clock, consumer, told, log } = bench({ app, storage });
  source.deliver([await joined("u1")]);
  const ticking = consumer.tick({ budgetMs: 60_000, idleMs: 10 });
  await told("u1 failed at 1, again in 1000");
  assert.equal(await members(storage), undefined);
  assert.equal(await storedIn(storage), 0);
  assert.equal(source.acked.length, 0);
  await clock.timersPending(2);
  await clock.advance(1_000);
  await clock.advance(10);
  await ticking;
  assert.equal(await members(storage), 1);
  assert.equal(await storedIn(storage), 1);
  assert.deepEqual(log.slice(1), ["u1 handled at 2"]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
});

Deno.test("eventConsumer() runs the handlers of domain events in the transaction, and undoes all when one fails", async () => {
  const Counted = domainEvent("counted", type<{ id: string }>());
  const storage = memoryStorage();
  const app = bootstrap(
    handlers().use(transactional(storage))
      .on(Joined, ({ id }, { tx, emit }) => {
        tx.client.set("members", id);
        emit(Counted({ id }));
      })
      .on(Counted, ({ id }, { tx }) => {
        assert.equal(tx.client.get("members"), id);
        if (id === "bad") throw new RangeError("No");
        tx.client.set("counted", id);
      }),
  );
  const { source, drain } = bench({ app, storage, retry: { maxAttempts: 1 } });
  source.deliver([await joined("good"), await joined("bad")]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  assert.equal(await members(storage), "good");
});

Deno.test("eventConsumer() runs all handlers of a message in one transaction", async () => {
  const storage = memoryStorage();
  const app = bootstrap(
    handlers().use(transactional(storage)).on(
      Joined,
      (_data, { tx }) => tx.client.set("members", "first"),
      (_data, { tx }) => {
        assert.equal(tx.client.get("members"), "first");
        throw new RangeError("No");
      },
    ),
  );
  const { source, drain } = bench({ app, storage, retry: { maxAttempts: 1 } });
  source.deliver([await joined("u1")]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 0 unhandled, 0 failed, 1 dead");
  assert.equal(await members(storage), undefined);
});

Deno.test("eventConsumer() acknowledges what nothing handles, tells of it, and asks the storage nothing", async () => {
  const { source, drain, log, storage } = bench({
    app: bootstrap(handlers().on(Joined, () => {})),
  });
  const [other, elsewhere] = source.deliver([
    await joined("u1", { type: "user.left" }),
    await joined("u2", { topic: "strangers" }),
  ]);
  assert.equal(await drain(), "0 handled, 0 duplicates, 2 unhandled, 0 failed, 0 dead");
  assert.deepEqual([other?.acks, elsewhere?.acks], [1, 1]);
  assert.deepEqual(log, ["u1 unhandled", "u2 unhandled"]);
  assert.deepEqual(await storage.inbox.begin("billing", ["u1"]), [{ isHandled: false, starts: 0 }]);
});

Deno.test("eventConsumer() sends commands that come by a topic", async () => {
  const Charge = command("invoice.charge", type<{ readonly cents: number }>());
  const storage = memoryStorage();
  const charged: unknown[] = [];
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Charge, ({ cents }, { emit, metadata }) => {
      charged.push([cents, metadata.id, metadata.correlationId]);
      emit(Greeted({ id: "payer" }));
    }),
  );
  const { source, drain } = bench({ app, storage });
  const envelope = await joined("c1", {
    type: "invoice.charge",
    topic: "commands",
    correlationId: "conversation",
    body: new TextEncoder().encode('{"cents":5}'),
  });
  source.deliver([envelope, envelope]);
  assert.equal(await drain(), "1 handled, 1 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.deepEqual(charged, [[5, "c1", "conversation"]]);
  assert.equal(await storedIn(storage), 1);
});

Deno.test("eventConsumer() decodes with the codec of the notification, and the others with its own", async () => {
  /** Something that is not JSON, as protobuf is not. */
  const reversed: Codec = {
    contentType: "application/x-reversed",
    encode: (data) => jsonCodec().encode(data) as Uint8Array,
    decode: (bytes) => jsonCodec().decode(bytes.toReversed()),
  };
  const Binary = notification("binary", {
    topic: "users",
    data: type<{ readonly id: string }>(),
    codec: reversed,
  });
  const seen: string[] = [];
  const app = bootstrap(
    handlers().on(Binary, ({ id }) => void seen.push(`binary ${id}`))
      .on(Joined, ({ id }, { metadata: { headers } }) => {
        seen.push(`json ${id.slice(0, 5)} ${JSON.stringify(headers)}`);
      }),
  );
  const { source, drain } = bench({ app });
  const binary = await toEnvelope(Binary({ id: "b" }), { codec: jsonCodec(), source: "/" });
  const small = await compressBody(await joined("small".repeat(100)), { minBytes: 0 });
  assert.equal(small.headers["content-encoding"], "gzip");
  source.deliver([
    { ...binary, body: binary.body.toReversed() },
    await joined("j"),
    small,
  ]);
  assert.equal(await drain(), "3 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
  assert.deepEqual(seen, ["binary b", "json j {}", "json small {}"]);
});

Deno.test("eventConsumer() takes another codec for the data of all", async () => {
  const seen: string[] = [];
  const upper: Codec = {
    contentType: "text/plain",
    encode: () => new Uint8Array(),
    decode: (bytes) => ({ id: new TextDecoder().decode(bytes) }),
  };
  const { source, drain } = bench({
    app: bootstrap(handlers().on(Joined, ({ id }) => void seen.push(id))),
    codec: upper,
  });
  source.deliver([await joined("u1", { body: new TextEncoder().encode("plain") })]);
  await drain();
  assert.deepEqual(seen, ["plain"]);
});

Deno.test("eventConsumer() carries the trace and the conversation into what handlers emit", async () => {
  const storage = memoryStorage();
  const broker = memoryBroker();
  const { source, drain } = bench({ app: counting(storage), storage });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  source.deliver([await joined("u1", { traceparent, correlationId: "conversation" })]);
  await drain();
  await outboxRelay({ storage, broker }).tick({ budgetMs: 1_000 });
  const [greeted] = broker.messages("greetings");
  assert.equal(greeted?.traceparent, traceparent);
  assert.equal(greeted?.correlationId, "conversation");
  assert.equal(greeted?.causationId, "u1");
});

Deno.test("eventConsumer() hands on the headers, the key and the time of the message", async () => {
  let seen: unknown;
  const app = bootstrap(
    handlers().on(Joined, (_data, { metadata: { headers, key, time } }) => {
      seen = { headers, key, time };
    }),
  );
  const { source, drain } = bench({ app });
  const time = new Date("2026-11-28T12:00:00Z");
  source.deliver([await joined("u1", { headers: { tenant: "a" }, key: "k", time })]);
  await drain();
  assert.deepEqual(seen, { headers: { tenant: "a" }, key: "k", time });
});

Deno.test("eventConsumer() lets consumers with other names handle the same message", async () => {
  const storage = memoryStorage();
  const app = counting(storage);
  const first = bench({ app, storage });
  const second = bench({ app, storage, consumer: "mailing" });
  first.source.deliver([await joined("u1")]);
  second.source.deliver([await joined("u1")]);
  await first.drain();
  await second.drain();
  assert.equal(await members(storage), 2);
});

Deno.test("eventConsumer() refuses options that make no sense", () => {
  const options = {
    source: memorySource(memoryBroker()),
    topics: ["users"],
    app: bootstrap(handlers().on(Joined, () => {})),
    storage: memoryStorage(),
    consumer: "billing",
  };
  const refused = (wrong: object, error: typeof TypeError | typeof RangeError) =>
    assert.throws(() => eventConsumer({ ...options, ...wrong }), error, JSON.stringify(wrong));
  refused({ topics: [] }, TypeError);
  refused({ consumer: "" }, TypeError);
  for (const value of [0, -1, 1.5, NaN]) {
    refused({ retry: { maxAttempts: value } }, RangeError);
    for (const name of ["concurrency", "batchSize", "prefetch", "maxStarts"]) {
      refused({ [name]: value }, RangeError);
    }
  }
  refused({ maxStarts: 1 }, RangeError);
  for (const name of ["batchSize", "prefetch", "maxStarts"]) {
    refused({ [name]: Infinity }, RangeError);
  }
  eventConsumer({ ...options, concurrency: Infinity, retry: { maxAttempts: Infinity } });
});

Deno.test("eventConsumer() fetches no more of a partition than prefetch, and at least a batch", async () => {
  const app = bootstrap(handlers().on(Joined, () => {}));
  for (
    const [options, expected] of [
      [{}, 100],
      [{ batchSize: 250 }, 250],
      [{ prefetch: 7 }, 7],
    ] as const
  ) {
    const { source, drain } = bench({ app, ...options });
    await drain();
    assert.equal(source.maxUnsettled, expected);
  }
});

Deno.test("eventConsumer() tells nobody that a message is done before that is committed", async () => {
  const storage = memoryStorage();
  const ends: string[] = [];
  let conflicts = 1;
  const app = bootstrap(
    handlers().use(transactional(storage)).on(Joined, async (_data, { tx }) => {
      tx.client.set("members", tx.client.get("members"));
      if (conflicts-- > 0) await storage.transaction(({ client }) => client.set("members", 5));
    }),
    {
      observer({ type }) {
        if (type === "failed" || type === "completed") ends.push(type);
      },
    },
  );
  const { source, drain } = bench({ app, storage });
  source.deliver([await joined("u1")]);
  await drain();
  assert.deepEqual(ends, ["failed", "completed"]);
});

Deno.test("eventConsumer() is not broken by an observer that throws", async () => {
  const app = bootstrap(handlers().on(Joined, () => {}));
  const { source, drain } = bench({
    app,
    observer() {
      throw new Error("Broken");
    },
  });
  source.deliver([await joined("u1")]);
  assert.equal(await drain(), "1 handled, 0 duplicates, 0 unhandled, 0 failed, 0 dead");
});
