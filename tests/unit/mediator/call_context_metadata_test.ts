import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  memoryBroker,
  type MessageMetadata,
  notification,
  streamRequest,
  type,
} from "../../../mod.ts";

const Outer = command("outer");
const Inner = command("inner");
const Items = streamRequest("items").yields<number>();
const First = domainEvent("first");
const Second = domainEvent("second");
const Told = notification("told", { topic: "news", data: type<number>(), key: String });
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Keeps the metadata that handlers see, by the type of their message. */
function diary() {
  const seen = new Map<string, MessageMetadata>();
  const note = (
    _data: unknown,
    context: { message: { type: string }; metadata: MessageMetadata },
  ) => void seen.set(context.message.type, context.metadata);
  const of = (type: string): MessageMetadata => {
    const metadata = seen.get(type);
    assert.ok(metadata, `Nothing was noted of "${type}"`);
    return metadata;
  };
  return { note, of };
}

Deno.test("a message from outside begins a conversation of its own", async () => {
  const { note, of } = diary();
  const message = Outer();
  await bootstrap(handlers().on(Outer, note)).send(message);
  assert.equal(of("outer").id, message.metadata.id);
  assert.equal(of("outer").correlationId, message.metadata.id);
  assert.equal(of("outer").causationId, undefined);
});

Deno.test("a message from outside keeps the conversation that it is given", async () => {
  const { note, of } = diary();
  const app = bootstrap(handlers().on(Outer, note));
  await app.send(Outer(undefined, { correlationId: "c", causationId: "x", traceparent }));
  assert.equal(of("outer").correlationId, "c");
  assert.equal(of("outer").causationId, "x");
  assert.equal(of("outer").traceparent, traceparent);
});

Deno.test("nested sends, streams and cascades carry the correlation on and name their cause", async () => {
  const { note, of } = diary();
  const broker = memoryBroker();
  const app = bootstrap(
    handlers()
      .on(Outer, async (data, context) => {
        note(data, context);
        await context.send(Inner());
        await Array.fromAsync(context.stream(Items()));
      })
      .on(Inner, (data, context) => {
        note(data, context);
        context.emit(First());
      })
      .on(Items, async function* (data, context) {
        note(data, context);
        yield 1;
      })
      .on(First, (data, context) => {
        note(data, context);
        context.emit(Second());
      })
      .on(Second, (data, context) => {
        note(data, context);
        context.emit(Told(1));
      }),
    { broker },
  );
  await app.send(Outer(undefined, { correlationId: "c", traceparent }));
  const [told] = broker.messages("news");
  assert.ok(told);
  const causes = { inner: "outer", items: "outer", first: "inner", second: "first" };
  for (const [type, cause] of Object.entries(causes)) {
    assert.equal(of(type).correlationId, "c", type);
    assert.equal(of(type).causationId, of(cause).id, type);
    assert.equal(of(type).traceparent, traceparent, type);
  }
  assert.equal(told.correlationId, "c");
  assert.equal(told.causationId, of("second").id);
  assert.equal(told.traceparent, traceparent);
});

Deno.test("what a message says about its own origin wins over where it was sent from", async () => {
  const { note, of } = diary();
  const app = bootstrap(
    handlers()
      .on(
        Outer,
        (_data, { send }) => send(Inner(undefined, { correlationId: "own", causationId: "mine" })),
      )
      .on(Inner, note),
  );
  await app.send(Outer(undefined, { correlationId: "c" }));
  assert.equal(of("inner").correlationId, "own");
  assert.equal(of("inner").causationId, "mine");
});

Deno.test("an event that a broker delivered goes on in its conversation", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Told, (_n, { emit }) => emit(Told(2))),
    { broker },
  );
  await app.dispatch(Told(1, { id: "from-outside", correlationId: "c" }));
  const [told] = broker.messages("news");
  assert.equal(told?.correlationId, "c");
  assert.equal(told?.causationId, "from-outside");
});

Deno.test("a published message keeps the identity that its handler gave it", async () => {
  const broker = memoryBroker();
  const time = new Date("2026-01-02T03:04:05Z");
  const app = bootstrap(
    handlers().on(
      Outer,
      (_data, { emit }) => emit(Told(7, { id: "id-1", time, key: "k", headers: { tenant: "t1" } })),
    ),
    { broker, source: "/billing" },
  );
  await app.send(Outer());
  const [told] = broker.messages("news");
  assert.equal(told?.id, "id-1");
  assert.equal(told?.time, time);
  assert.equal(told?.key, "k");
  assert.deepEqual(told?.headers, { tenant: "t1" });
  assert.equal(told?.source, "/billing");
});

Deno.test("a published message has the key that its definition derives", async () => {
  const broker = memoryBroker();
  const app = bootstrap(handlers().on(Outer, (_data, { emit }) => emit(Told(7))), { broker });
  await app.send(Outer());
  assert.equal(broker.messages("news")[0]?.key, "7");
});
