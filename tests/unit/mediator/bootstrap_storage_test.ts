import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  type Envelope,
  EventHandlingError,
  handlers,
  memoryBroker,
  notification,
  PublishError,
  streamRequest,
  type,
} from "../../../mod.ts";
import { memoryStorage } from "../../../src/storage/memory/mod.ts";
import { bodyOf, lateCodec, recorder } from "./support.ts";

const Do = command("do").returns<string>();
const Nested = command("nested");
const Done = domainEvent("done");
const Items = streamRequest("items").yields<number>();
const Told = notification("told", { topic: "news", data: type<number>() });
const failure = new Error("The database is away");

/** A storage of which only what `bootstrap` needs is there. */
function box(store: () => void = () => {}) {
  const calls: unknown[][] = [];
  return {
    calls,
    outbox: {
      async store(envelopes: readonly Envelope[]) {
        await Promise.resolve();
        store();
        calls.push(envelopes.map(bodyOf));
      },
    },
  };
}

Deno.test("notifications are stored in the outbox of a storage, all together after everything else, and not published", async () => {
  const log: string[] = [];
  const storage = box(() => log.push("stored"));
  const broker = memoryBroker();
  const { observer, log: observed } = recorder();
  const app = bootstrap(
    handlers()
      .on(Do, (_data, { emit }) => {
        emit(Told(1), Done(), Told(2));
        log.push("handler");
        return "done";
      })
      .on(Done, (_data, { emit }) => {
        log.push("event");
        emit(Told(3));
      }),
    { storage, broker, observer },
  );
  assert.equal(await app.send(Do()), "done");
  assert.deepEqual(log, ["handler", "event", "stored"]);
  assert.deepEqual(storage.calls, [[1, 2, 3]]);
  assert.deepEqual(broker.topics(), []);
  assert.deepEqual(observed(), [
    "dispatched do",
    "dispatched done",
    "completed done",
    "stored told",
    "stored told",
    "stored told",
    "completed do",
  ]);
});

Deno.test("a storage in memory can be given to an application", async () => {
  const storage = memoryStorage();
  const app = bootstrap(
    handlers().on(Do, (_data, { emit }) => {
      emit(Told(1));
      return "";
    }),
    { storage },
  );
  await app.send(Do());
  assert.equal((await storage.outbox.statistics()).pending, 1);
});

Deno.test("nothing is stored when nothing was emitted, or when the handler fails", async () => {
  const storage = box();
  let fails = false;
  const app = bootstrap(
    handlers().on(Do, (_data, { emit }) => {
      if (fails) emit(Told(1));
      if (fails) throw failure;
      return "";
    }),
    { storage },
  );
  await app.send(Do());
  fails = true;
  await assert.rejects(app.send(Do()), failure);
  assert.deepEqual(storage.calls, []);
});

Deno.test("a storage that fails makes a failure of each notification, after everything else has been done", async () => {
  const storage = box(() => {
    throw failure;
  });
  const { observer, of } = recorder();
  let events = 0;
  const app = bootstrap(
    handlers()
      .on(Do, (_data, { emit }) => {
        emit(Told(1), Done(), Told(2));
        return "done";
      })
      .on(Done, () => void events++),
    { storage, observer },
  );
  await assert.rejects(app.send(Do()), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.equal(error.result, "done");
    assert.deepEqual(error.failures.map(({ event }) => event.data), [1, 2]);
    for (const each of error.errors) {
      assert.ok(each instanceof PublishError);
      assert.equal(each.cause, failure);
    }
    return true;
  });
  assert.equal(events, 1);
  assert.equal(of("publish_failed").length, 2);
  assert.deepEqual(of("stored"), []);
});

Deno.test("a storage that fails is isolated where that is wanted", async () => {
  const storage = box(() => {
    throw failure;
  });
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Do, (_data, { emit }) => {
      emit(Told(1));
      return "done";
    }),
    { storage, observer, eventHandling: { onError: "isolate" } },
  );
  assert.equal(await app.send(Do()), "done");
  assert.equal(of("publish_failed").length, 1);
});

Deno.test("emit() of the application and dispatched events store their notifications", async () => {
  const storage = box();
  const app = bootstrap(handlers().on(Done, (_data, { emit }) => emit(Told(2))), { storage });
  await app.emit(Told(1));
  await app.dispatch(Done());
  assert.deepEqual(storage.calls, [[1], [2]]);
});

Deno.test("emit() of the application fails when its notification cannot be stored", async () => {
  const storage = box(() => {
    throw failure;
  });
  const app = bootstrap(handlers(), { storage });
  await assert.rejects(app.emit(Told(1)), (error) => {
    assert.ok(error instanceof EventHandlingError && error.errors[0] instanceof PublishError);
    assert.equal(error.errors[0].cause, failure);
    return true;
  });
});

Deno.test("a nested send outside of a unit of work stores by itself", async () => {
  const storage = box();
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, { emit, send }) => {
        emit(Told(1));
        await send(Nested());
        return "";
      })
      .on(Nested, (_data, { emit }) => emit(Told(2))),
    { storage },
  );
  await app.send(Do());
  assert.deepEqual(storage.calls, [[2], [1]]);
});

Deno.test("what a stream emits before an item is stored before the item is delivered", async () => {
  const storage = box();
  const app = bootstrap(
    handlers().on(Items, async function* (_data, { emit }) {
      emit(Told(1));
      yield 1;
      yield 2;
      emit(Told(3));
    }),
    { storage },
  );
  const items: unknown[] = [];
  for await (const item of app.stream(Items())) items.push([item, [...storage.calls]]);
  assert.deepEqual(items, [[1, [[1]]], [2, [[1]]]]);
  assert.deepEqual(storage.calls, [[1], [3]]);
});

Deno.test("an asynchronous codec is waited for before anything is stored", async () => {
  const storage = box();
  const app = bootstrap(
    handlers().on(Do, (_data, { emit }) => {
      emit(Told(1), Told(2));
      return "";
    }),
    { storage, codec: lateCodec },
  );
  await app.send(Do());
  assert.deepEqual(storage.calls, [[1, 2]]);
});

Deno.test("emitting a notification with neither a broker nor a storage is refused, and the error says so", async () => {
  const app = bootstrap(
    handlers().on(Do, (_data, { emit }) => {
      emit(Told(1));
      return "";
    }),
  );
  const refused = {
    name: "NoPublisherError",
    message: 'Cannot emit notification "told" as no broker or storage is configured',
  };
  await assert.rejects(app.send(Do()), refused);
  await assert.rejects(app.emit(Told(1)), refused);
});
