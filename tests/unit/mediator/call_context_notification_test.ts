import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  handlers,
  memoryBroker,
  MessageEncodeError,
  NoPublisherError,
  notification,
  type Registry,
  type,
} from "../../../mod.ts";
import { bodyOf, lateCodec, recorder, settled } from "./support.ts";

const Do = command("do", type<number>()).returns<string>();
const Done = domainEvent("done", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });
const Unknown = notification("unknown", { topic: "news", data: type<unknown>() });

Deno.test("emitting a notification without a broker is refused at the call, never silently dropped", async () => {
  let refused: unknown;
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      try {
        emit(Told(1));
      } catch (error) {
        refused = error;
      }
      return "";
    }),
  );
  await app.send(Do(0));
  assert.ok(refused instanceof NoPublisherError);
  assert.equal(refused.messageType, "told");
  assert.equal(refused.code, "no_publisher");
});

Deno.test("emitting a notification without a broker fails the handler that does not expect it", async () => {
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      emit(Told(1));
      return "";
    }),
  );
  await assert.rejects(app.send(Do(0)), { code: "no_publisher" });
});

Deno.test("emitting a notification that cannot be encoded is refused at the call", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      assert.throws(() => emit(Unknown(1n)), MessageEncodeError);
      emit(Told(1));
      return "";
    }),
    { broker },
  );
  await app.send(Do(0));
  assert.deepEqual(broker.messages("news").map(bodyOf), [1]);
});

Deno.test("the body of a notification is what its data were when it was emitted", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      const data = { count: 1 };
      emit(Unknown(data));
      data.count = 2;
      return "";
    }),
    { broker },
  );
  await app.send(Do(0));
  assert.deepEqual(broker.messages("news").map(bodyOf), [{ count: 1 }]);
});

Deno.test("a codec that works asynchronously is awaited before anything is published", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      emit(Told(1), Told(2));
      return "";
    }),
    { broker, codec: lateCodec },
  );
  await app.send(Do(0));
  assert.deepEqual(broker.messages("news").map(bodyOf), [1, 2]);
});

const registries: Readonly<Record<string, Registry<never, Context>>> = {
  "a bare handler": handlers(),
  "a handler within a middleware": handlers().use((_context, next) => next()),
};

for (const [description, registry] of Object.entries(registries)) {
  Deno.test(`an asynchronous codec that refuses fails ${description} and drops all that it emitted`, async () => {
    const broker = memoryBroker();
    const { observer, of } = recorder();
    const app = bootstrap(
      registry
        .on(Do, (_n, { emit }) => {
          emit(Told(1), Told(-1), Done(1));
          return "";
        })
        .on(Done, () => assert.fail("dispatched")),
      { broker, codec: lateCodec, observer },
    );
    await assert.rejects(app.send(Do(0)), { code: "message_encode", messageType: "told" });
    assert.deepEqual(broker.topics(), []);
    assert.deepEqual(of("dropped").map(({ messages }) => messages.length), [3]);
  });
}

Deno.test("a handler that throws rejects with its own error, whatever an asynchronous codec refuses later", async () => {
  const app = bootstrap(
    handlers().on(Do, (_n, { emit }) => {
      emit(Told(-1));
      throw new Error("Failed");
    }),
    { broker: memoryBroker(), codec: lateCodec },
  );
  await assert.rejects(app.send(Do(0)), { message: "Failed" });
  await settled(); // an unhandled rejection would fail the test
});

Deno.test("an asynchronous codec that refuses a follow-up fails the event handler that emitted it", async () => {
  const broker = memoryBroker();
  const app = bootstrap(
    handlers()
      .on(Do, (_n, { emit }) => {
        emit(Done(-1), Done(2));
        return "";
      })
      .on(Done, (n, { emit }) => emit(Told(n))),
    { broker, codec: lateCodec },
  );
  await assert.rejects(app.send(Do(0)), (error: Error & { errors: Error[] }) => {
    assert.deepEqual(error.errors.map(({ name }) => name), ["MessageEncodeError"]);
    return true;
  });
  assert.deepEqual(broker.messages("news").map(bodyOf), [2]);
});
