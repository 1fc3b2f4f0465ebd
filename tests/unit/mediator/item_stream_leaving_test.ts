import assert from "node:assert/strict";
import {
  bootstrap,
  domainEvent,
  handlers,
  type ItemStream,
  memoryBroker,
  notification,
  streamRequest,
  token,
  type,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { bodyOf, recorder, settled } from "./support.ts";

const Count = streamRequest("count", type<number>()).yields<number>();
const Counted = domainEvent("counted", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });
const reason = new Error("The caller has left");

/** The ways to leave a stream from its reader's side. */
const departures:
  readonly (readonly [string, (stream: ItemStream<number>) => PromiseLike<unknown>])[] = [
    ["return()", (stream) => stream.return()],
    ["disposing", (stream) => stream[Symbol.asyncDispose]()],
    ["break", async (stream) => {
      for await (const _item of stream) break;
    }],
    ["throwing in the loop", (stream) =>
      (async () => {
        for await (const _item of stream) throw reason;
      })().catch((error) => assert.equal(error, reason))],
    ["cancelling its Web Stream", (stream) => stream.toReadableStream().cancel()],
  ];

for (const [description, leave] of departures) {
  Deno.test(`leaving by ${description} aborts the signal, runs finally and dispatches what that emits, before it is over`, async () => {
    const log: string[] = [];
    const app = bootstrap(
      handlers()
        .on(Count, async function* (n, { emit, signal }) {
          try {
            for (let i = 0; i < n; i++) yield i;
          } finally {
            await settled();
            log.push(`finally, ${signal.aborted && signal.reason.name}`);
            emit(Counted(1));
          }
        })
        .on(Counted, async () => {
          await settled();
          log.push("event");
        }),
    );
    const stream = app.stream(Count(5));
    await stream.next();
    await leave(stream);
    assert.deepEqual(log, ["finally, AbortError", "event"]);
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  });
}

Deno.test("leaving a stream that nobody has read runs nothing", async () => {
  const { observer, log } = recorder();
  const app = bootstrap(handlers().on(Count, () => assert.fail("run")), { observer });
  const stream = app.stream(Count(1));
  await stream.return();
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.deepEqual(log(), []);
});

Deno.test("leaving a stream that has ended does nothing", async () => {
  const app = bootstrap(
    handlers().on(Count, async function* () {
      yield 1;
    }),
  );
  const stream = app.stream(Count(1));
  await Array.fromAsync(stream);
  assert.deepEqual(await stream.return(), { done: true, value: undefined });
});

Deno.test("leaving twice runs finally once, and both wait for it", async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const app = bootstrap(
    handlers().on(Count, async function* () {
      try {
        yield 1;
      } finally {
        runs++;
        await gate.promise;
      }
    }),
  );
  const stream = app.stream(Count(1));
  await stream.next();
  let left = 0;
  const leaving = [stream.return(), stream.return()].map((promise) => promise.then(() => left++));
  await settled();
  assert.equal(left, 0);
  gate.resolve();
  await Promise.all(leaving);
  assert.equal(runs, 1);
});

Deno.test("leaving fails with what finally throws, and drops what that emitted, which the observer sees", async () => {
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        try {
          yield 1;
        } finally {
          emit(Counted(1));
          // deno-lint-ignore no-unsafe-finally -- A handler may be as bad as this.
          throw new Error("Clean-up");
        }
      })
      .on(Counted, () => assert.fail("dispatched")),
    { observer },
  );
  const stream = app.stream(Count(1));
  await stream.next();
  await assert.rejects(stream.return(), { message: "Clean-up" });
  assert.deepEqual(of("failed").map(({ error }) => (error as Error).message), ["Clean-up"]);
  assert.deepEqual(of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)), [1]);
});

Deno.test("leaving while the handler works on an item ends the pending read and cancels the work", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Count, async function* (_n, { signal }) {
      try {
        await new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        );
        yield 1;
      } finally {
        log.push("finally");
      }
    }),
  );
  const stream = app.stream(Count(1));
  const reading = stream.next();
  await settled();
  await stream.return();
  assert.deepEqual(log, ["finally"]);
  assert.deepEqual(await reading, { done: true, value: undefined });
});

Deno.test("leaving while events are handled waits for them, and for their scope", async () => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const log: string[] = [];
  const Service = token<string>("service");
  const services = container().provide(Service, () => "resolved", {
    lifetime: "scoped",
    dispose: () => void log.push("scope disposed"),
  });
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        emit(Counted(1));
        yield 1;
      })
      .on(Counted, async (_n, { resolve }) => {
        begun.resolve();
        await gate.promise;
        log.push(await resolve(Service));
      }),
    { container: services },
  );
  const stream = app.stream(Count(1));
  const reading = stream.next();
  await begun.promise;
  const leaving = stream.return().then(() => log.push("left"));
  await settled();
  gate.resolve();
  await leaving;
  await reading;
  assert.deepEqual(log, ["resolved", "scope disposed", "left"]);
});

Deno.test("leaving while an event fails tells whoever leaves, and ends the pending read", async () => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  let ended = 0;
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        try {
          emit(Counted(1));
          yield 1;
        } finally {
          ended++;
        }
      })
      .on(Counted, async () => {
        begun.resolve();
        await gate.promise;
        throw new Error("Event");
      }),
  );
  const stream = app.stream(Count(1));
  const reading = stream.next();
  await begun.promise;
  const leaving = assert.rejects(stream.return(), { code: "event_handling", result: 1 });
  gate.resolve();
  await leaving;
  assert.deepEqual(await reading, { done: true, value: undefined });
  assert.equal(ended, 1);
});

Deno.test("an abort while events are handled lets them and their publication run to their end", async () => {
  const caller = new AbortController();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const broker = memoryBroker();
  const Service = token<number>("service");
  const services = container().provide(Service, () => 7, { lifetime: "scoped" });
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit }) {
        emit(Counted(1));
        yield 1;
      })
      .on(Counted, async (_n, { emit, resolve }) => {
        begun.resolve();
        await gate.promise;
        emit(Told(await resolve(Service)));
      }),
    { container: services, broker, observer },
  );
  const reading = app.stream(Count(1), { signal: caller.signal }).next();
  await begun.promise;
  caller.abort(reason);
  await assert.rejects(reading, reason);
  gate.resolve();
  await app[Symbol.asyncDispose]();
  assert.deepEqual(of("failed"), []);
  assert.deepEqual(broker.messages("news").map(bodyOf), [7]);
});

Deno.test("a signal that has aborted rejects the first read and runs nothing", async () => {
  const app = bootstrap(handlers().on(Count, () => assert.fail("run")));
  const stream = app.stream(Count(1), { signal: AbortSignal.abort(reason) });
  await assert.rejects(stream.next(), reason);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

Deno.test("an abort rejects the pending read at once, although the handler ignores its signal", async () => {
  const caller = new AbortController();
  const gate = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers().on(Count, async function* () {
      await gate.promise;
      yield 1;
    }),
  );
  const reading = app.stream(Count(1), { signal: caller.signal }).next();
  await settled();
  caller.abort(reason);
  await assert.rejects(reading, reason);
  gate.resolve();
  await app[Symbol.asyncDispose]();
});

Deno.test("an abort between two items rejects the next read, so that a cut stream does not look complete", async () => {
  const caller = new AbortController();
  const app = bootstrap(
    handlers().on(Count, async function* (n) {
      for (let i = 0; i < n; i++) yield i;
    }),
  );
  const items: number[] = [];
  await assert.rejects(async () => {
    for await (const item of app.stream(Count(5), { signal: caller.signal })) {
      items.push(item);
      if (item === 1) caller.abort(reason);
    }
  }, reason);
  assert.deepEqual(items, [0, 1]);
});

Deno.test("an abort runs the handler's finally at once, also between two items", async () => {
  const caller = new AbortController();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { emit, signal }) {
        try {
          yield 1;
          yield 2;
        } finally {
          log.push(`finally, ${signal.reason.message}`);
          emit(Counted(1));
        }
      })
      .on(Counted, () => void log.push("event")),
  );
  const stream = app.stream(Count(1), { signal: caller.signal });
  await stream.next();
  caller.abort(reason);
  await settled();
  assert.deepEqual(log, [`finally, ${reason.message}`, "event"]);
});

Deno.test("a stream leaves no listener on the signal of its caller, however it ends", async () => {
  const app = bootstrap(
    handlers().on(Count, async function* (n) {
      for (let i = 0; i < n; i++) yield i;
      if (n === 3) throw new Error("Failed");
    }),
  );
  const caller = new AbortController();
  const { signal, listeners } = countingSignal(caller.signal);
  await Array.fromAsync(app.stream(Count(2), { signal }));
  await Array.fromAsync(app.stream(Count(3), { signal })).catch(() => {});
  const stream = app.stream(Count(2), { signal });
  await stream.next();
  await stream.return();
  assert.equal(listeners(), 0);
});
