import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  EventHandlingError,
  HandlerNotFoundError,
  handlers,
  memoryBroker,
  NoPublisherError,
  notification,
  type,
} from "../../../mod.ts";
import { bodyOf, recorder } from "./support.ts";

const Entered = domainEvent("meeting.entered", type<string>());
const Greeted = domainEvent("meeting.greeted", type<string>());
const Joined = notification("user.joined", {
  topic: "user_notification_events",
  data: type<{ userId: string }>(),
  key: (data) => data.userId,
});
const JoinedState = notification("user.joined.state", {
  topic: "user_ecst_events",
  wireType: "user.joined",
  data: type<{ userId: string; name: string }>(),
});

Deno.test("dispatch() runs the handlers of a notification that a broker delivered, and publishes nothing", async () => {
  const broker = memoryBroker();
  const seen: string[] = [];
  const app = bootstrap(handlers().on(Joined, ({ userId }) => void seen.push(userId)), { broker });
  await app.dispatch(Joined({ userId: "u1" }));
  assert.deepEqual(seen, ["u1"]);
  assert.deepEqual(broker.topics(), []);
});

Deno.test("dispatch() runs the handlers of a notification without a broker", async () => {
  const seen: string[] = [];
  const app = bootstrap(handlers().on(Joined, ({ userId }) => void seen.push(userId)));
  await app.dispatch(Joined({ userId: "u1" }));
  assert.deepEqual(seen, ["u1"]);
});

Deno.test("dispatch() handles and publishes what the handlers emit", async () => {
  const broker = memoryBroker();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Joined, ({ userId }, { emit }) => emit(Entered(userId)))
      .on(Entered, (userId, { emit }) => {
        log.push(`entered ${userId}`);
        emit(JoinedState({ userId, name: "Ada" }));
      }),
    { broker },
  );
  await app.dispatch(Joined({ userId: "u1" }));
  assert.deepEqual(log, ["entered u1"]);
  assert.deepEqual(broker.messages("user_ecst_events").map(bodyOf), [{
    userId: "u1",
    name: "Ada",
  }]);
});

Deno.test("dispatch() gives the handlers the identity of the message that was delivered", async () => {
  const ids: string[] = [];
  const app = bootstrap(handlers().on(Joined, (_data, { id }) => void ids.push(id)));
  await app.dispatch(Joined({ userId: "u1" }, { id: "delivered" }));
  assert.deepEqual(ids, ["delivered"]);
});

Deno.test("dispatch() rejects with an error that names an event which nothing handles", async () => {
  const app = bootstrap(handlers().on(Entered, () => {}));
  // @ts-expect-error What nothing handles does not compile; plain JavaScript gets an error.
  await assert.rejects(app.dispatch(Joined({ userId: "u1" })), (error) => {
    assert.ok(error instanceof HandlerNotFoundError);
    assert.equal(error.messageType, "user.joined");
    return true;
  });
});

Deno.test("dispatch() rejects with all failures and no result", async () => {
  const app = bootstrap(handlers().on(Entered, () => Promise.reject("one")));
  await assert.rejects(app.dispatch(Entered("u1")), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.deepEqual(error.errors, ["one"]);
    assert.equal(error.result, undefined);
    return true;
  });
});

Deno.test("emit() of the app runs the handlers of a domain event and all that follows", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Entered, (userId, { emit }) => emit(Greeted(userId)))
      .on(Greeted, (userId) => void log.push(`greeted ${userId}`)),
  );
  await app.emit(Entered("u1"));
  assert.deepEqual(log, ["greeted u1"]);
});

Deno.test("emit() of the app accepts a domain event that nothing handles, and the observer sees it", async () => {
  const { observer, log } = recorder();
  await bootstrap(handlers(), { observer }).emit(Entered("u1"));
  assert.deepEqual(log(), ["unhandled meeting.entered"]);
});

Deno.test("emit() of the app hands a notification to the broker and runs none of its handlers", async () => {
  const broker = memoryBroker();
  const app = bootstrap(handlers().on(Joined, () => assert.fail("handled")), { broker });
  await app.emit(Joined({ userId: "u1" }));
  assert.deepEqual(broker.messages("user_notification_events").map(bodyOf), [{ userId: "u1" }]);
});

Deno.test("emit() of the app rejects when there is no broker", async () => {
  await assert.rejects(bootstrap(handlers()).emit(Joined({ userId: "u1" })), NoPublisherError);
});

Deno.test("emit() of the app rejects when the broker does not confirm", async () => {
  const app = bootstrap(handlers(), {
    broker: {
      publish: (messages) =>
        Promise.resolve(messages.map(() => ({ ok: false, error: new Error("Full") }))),
      async [Symbol.asyncDispose]() {},
    },
  });
  await assert.rejects(app.emit(Joined({ userId: "u1" })), EventHandlingError);
});

Deno.test("emit() of the app rejects when the notification cannot be encoded", async () => {
  const Odd = notification("odd", { topic: "t", data: type<unknown>() });
  const app = bootstrap(handlers(), { broker: memoryBroker() });
  await assert.rejects(app.emit(Odd(1n)), { code: "message_encode" });
});

Deno.test("a notification and one that carries state share a wire name on two topics", async () => {
  const Join = command("meeting.join", type<string>());
  const broker = memoryBroker();
  const seen: unknown[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Join,
        (userId, { emit }) => emit(Joined({ userId }), JoinedState({ userId, name: "Ada" })),
      )
      .on(Joined, (data) => void seen.push(data))
      .on(JoinedState, (data) => void seen.push(data)),
    { broker },
  );
  await app.send(Join("u1"));
  assert.deepEqual(broker.topics(), ["user_notification_events", "user_ecst_events"]);
  const [joined] = broker.messages("user_notification_events");
  const [state] = broker.messages("user_ecst_events");
  assert.deepEqual([joined?.type, state?.type], ["user.joined", "user.joined"]);
  assert.deepEqual([joined, state].map((envelope) => envelope && bodyOf(envelope)), [
    { userId: "u1" },
    { userId: "u1", name: "Ada" },
  ]);
  await app.dispatch(Joined({ userId: "u2" }));
  await app.dispatch(JoinedState({ userId: "u3", name: "Bob" }));
  assert.deepEqual(seen, [{ userId: "u2" }, { userId: "u3", name: "Bob" }]);
});

Deno.test("two messages with one id are the same event for the broker: identity is the message id", async () => {
  const broker = memoryBroker();
  const app = bootstrap(handlers(), { broker });
  const message = Joined({ userId: "u1" });
  await app.emit(message);
  await app.emit(message);
  const [first, second] = broker.messages("user_notification_events");
  assert.equal(first?.id, message.metadata.id);
  assert.equal(second?.id, first?.id);
});
