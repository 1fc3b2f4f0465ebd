import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  memoryBroker,
  notification,
  type ObserverEvent,
  query,
  streamRequest,
  type,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { bodyOf, recorder, settled } from "./support.ts";

const Do = command("do").returns<string>();
const Nested = query("nested").returns<string>();
const Items = streamRequest("items").yields<number>();
const First = domainEvent("first");
const Second = domainEvent("second");
const Told = notification("told", { topic: "news", data: type<number>() });
const failure = new Error("Failed");

Deno.test("the observer sees the dispatch and completion of a request and of all that follows from it", async () => {
  const { observer, log } = recorder();
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, { emit, send }) => {
        emit(First());
        return await send(Nested());
      })
      .on(Nested, () => "nested")
      .on(First, (_data, { emit }) => emit(Second(), Told(1)))
      .on(Second, () => {}),
    { observer, broker: memoryBroker() },
  );
  await app.send(Do());
  assert.deepEqual(log(), [
    "dispatched do",
    "dispatched nested",
    "completed nested",
    "dispatched first",
    "completed first",
    "dispatched second",
    "completed second",
    "published told",
    "completed do",
  ]);
});

Deno.test("the observer is told how many handlers a message goes to", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Do, (_data, { emit }) => {
        emit(First());
        return "";
      })
      .on(First, () => {}, () => {}, () => {}),
    { observer },
  );
  await app.send(Do());
  assert.deepEqual(of("dispatched").map(({ handlers }) => handlers), [1, 3]);
  assert.equal(of("completed").length, 2);
});

Deno.test("the observer is told how long a message took", async () => {
  const clock = new ManualClock();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, { emit }) => {
        await clock.advance(30);
        emit(First());
        return "";
      })
      .on(First, () => clock.advance(5))
      .on(Items, async function* () {
        yield 1;
        await clock.advance(7);
      }),
    { observer, clock },
  );
  await app.send(Do());
  await Array.fromAsync(app.stream(Items()));
  assert.deepEqual(of("completed").map(({ message, durationMs }) => [message.type, durationMs]), [
    ["first", 5],
    ["do", 35],
    ["items", 7],
  ]);
});

Deno.test("the observer sees the failure of a handler", async () => {
  const { observer, of, log } = recorder();
  const app = bootstrap(
    handlers().on(Do, () => {
      throw failure;
    }),
    { observer },
  );
  await app.send(Do()).catch(() => {});
  assert.deepEqual(log(), ["dispatched do", "failed do"]);
  assert.equal(of("failed")[0]?.error, failure);
});

Deno.test("the observer sees the failure of every event handler", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(
      First,
      () => Promise.reject("one"),
      () => settled(), // which is the last to end
      () => Promise.reject("two"),
    ),
    { observer, eventHandling: { onError: "isolate" } },
  );
  await app.dispatch(First());
  assert.deepEqual(of("failed").map(({ error }) => error), ["one", "two"]);
  assert.deepEqual(of("completed"), []);
});

Deno.test("the observer sees the failure of a request whose events failed, after those", async () => {
  const { observer, log } = recorder();
  const app = bootstrap(
    handlers()
      .on(Do, (_data, { emit }) => {
        emit(First());
        return "";
      })
      .on(First, () => {
        throw failure;
      }),
    { observer },
  );
  await app.send(Do()).catch(() => {});
  assert.deepEqual(log(), ["dispatched do", "dispatched first", "failed first", "failed do"]);
});

Deno.test("the observer does not see the dispatch of an event that lies too deep and is dropped", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(First, (_data, { emit }) => emit(Second())).on(Second, () => {}),
    { observer, eventHandling: { maxDepth: 1 } },
  );
  await app.dispatch(First()).catch(() => {});
  assert.deepEqual(of("dispatched").map(({ message }) => message.type), ["first"]);
  assert.deepEqual(of("dropped").map(({ reason }) => reason), ["event_cycle"]);
});

Deno.test("the observer sees the abort of a request, and how the handler ended after it", async () => {
  const { observer, of, log } = recorder();
  const caller = new AbortController();
  const gate = Promise.withResolvers<string>();
  const app = bootstrap(handlers().on(Do, () => gate.promise), { observer });
  const sent = app.send(Do(), { signal: caller.signal });
  caller.abort(failure);
  await assert.rejects(sent, failure);
  assert.deepEqual(log(), ["dispatched do", "cancelled do"]);
  assert.equal(of("cancelled")[0]?.reason, failure);
  gate.resolve("late");
  await settled();
  assert.deepEqual(of("overran").map(({ outcome }) => outcome), ["fulfilled"]);
});

Deno.test("the observer sees a stream completed, failed, left and aborted", async () => {
  const { observer, log } = recorder();
  let fails = false;
  const app = bootstrap(
    handlers().on(Items, async function* () {
      yield 1;
      if (fails) throw failure;
    }),
    { observer },
  );
  await Array.fromAsync(app.stream(Items()));
  for await (const _item of app.stream(Items())) break;
  const caller = new AbortController();
  const aborted = app.stream(Items(), { signal: caller.signal });
  await aborted.next();
  caller.abort(failure);
  await settled();
  fails = true;
  await Array.fromAsync(app.stream(Items())).catch(() => {});
  assert.deepEqual(log(), [
    "dispatched items",
    "completed items",
    "dispatched items",
    "cancelled items",
    "dispatched items",
    "cancelled items",
    "dispatched items",
    "failed items",
  ]);
});

Deno.test("the observer sees what the broker confirmed", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(handlers(), { observer, broker: memoryBroker() });
  await app.emit(Told(7));
  assert.deepEqual(of("published").map(({ envelope }) => bodyOf(envelope)), [7]);
});

Deno.test("an observer that throws changes nothing", async () => {
  const broken = () => {
    throw new Error("Broken");
  };
  const broker = memoryBroker();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Do, (_data, { emit }) => {
        emit(First(), Told(1));
        return "answer";
      })
      .on(First, () => void log.push("event"))
      .on(Nested, () => {
        throw failure;
      })
      .on(Items, async function* () {
        yield 1;
      }),
    { observer: broken, broker },
  );
  assert.equal(await app.send(Do()), "answer");
  assert.deepEqual(log, ["event"]);
  assert.equal(broker.messages("news").length, 1);
  await assert.rejects(app.send(Nested()), (error) => error === failure);
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), [1]);
});

Deno.test("a middleware can report to the observer", async () => {
  const seen: ObserverEvent[] = [];
  const app = bootstrap(
    handlers()
      .use(({ report, message }, next) => {
        report({ type: "fell_back", message, error: failure });
        return next();
      })
      .on(Do, () => ""),
    { observer: (event) => void seen.push(event) },
  );
  await app.send(Do());
  assert.deepEqual(seen.map(({ type }) => type), ["dispatched", "fell_back", "completed"]);
});

Deno.test("a middleware may report although nobody observes", async () => {
  const app = bootstrap(
    handlers()
      .use(({ report, message }, next) => {
        report({ type: "fell_back", message, error: failure });
        return next();
      })
      .on(Do, () => "answer"),
  );
  assert.equal(await app.send(Do()), "answer");
});
