import assert from "node:assert/strict";
import { bootstrap, domainEvent, handlers, streamRequest, type } from "../../../mod.ts";
import { gauge, settled } from "./support.ts";

const Count = streamRequest("count", type<number>()).yields<number>();
const Counted = domainEvent("counted", type<number>());
const done = { done: true, value: undefined };

const counting = handlers().on(Count, async function* (n) {
  for (let i = 0; i < n; i++) {
    await Promise.resolve();
    yield i;
  }
});

Deno.test("next() may be called before the last one has settled; the items come in order", async () => {
  const stream = bootstrap(counting).stream(Count(3));
  const results = await Promise.all(Array.from({ length: 5 }, () => stream.next()));
  assert.deepEqual(results.slice(0, 3).map(({ value }) => value), [0, 1, 2]);
  assert.deepEqual(results.slice(3), [done, done]);
});

Deno.test("next() called many times at once runs the handler one item at a time", async () => {
  const running = gauge();
  const app = bootstrap(
    handlers()
      .on(Count, async function* (n, { emit }) {
        for (let i = 0; i < n; i++) {
          emit(Counted(i));
          yield await running.run(async () => {
            await settled();
            return i;
          });
        }
      })
      .on(Counted, () => running.run(settled)),
  );
  const stream = app.stream(Count(3));
  const results = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
  assert.deepEqual(results.map(({ value }) => value), [0, 1, 2, undefined]);
  assert.equal(running.most, 1);
});

for (const withSignal of [false, true]) {
  const how = withSignal ? " with a signal" : "";
  const options = () => withSignal ? { signal: new AbortController().signal } : {};

  Deno.test(`several readers of one stream${how} share its items, each item read once`, async () => {
    const stream = bootstrap(counting).stream(Count(20), options());
    const items: number[] = [];
    const read = async () => {
      for (let next = await stream.next(); !next.done; next = await stream.next()) {
        items.push(next.value);
      }
    };
    await Promise.all([read(), read(), read()]);
    assert.deepEqual(items, [...Array(20).keys()]);
  });

  Deno.test(`a next() called as soon as another${how} has settled keeps its place`, async () => {
    const stream = bootstrap(counting).stream(Count(4), options());
    const order: unknown[] = [];
    const first = stream.next().then(({ value }) => {
      order.push(value);
      return stream.next().then(({ value }) => order.push(value));
    });
    const second = stream.next().then(({ value }) => order.push(value));
    const third = stream.next().then(({ value }) => order.push(value));
    await Promise.all([first, second, third]);
    assert.deepEqual(order, [0, 1, 2, 3]);
  });

  Deno.test(`a failed read${how} ends the stream for the reads that wait behind it`, async () => {
    const app = bootstrap(
      handlers().on(Count, async function* () {
        await Promise.resolve();
        yield 0;
        throw new Error("Failed");
      }),
    );
    const stream = app.stream(Count(1), options());
    const results = await Promise.allSettled([
      stream.next(),
      stream.next(),
      stream.next(),
      stream.next(),
    ]);
    assert.deepEqual(results.map(({ status }) => status), [
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    assert.deepEqual(await stream.next(), done);
  });
}

Deno.test("toReadableStream() gives the items and then closes", async () => {
  const items = await Array.fromAsync(bootstrap(counting).stream(Count(3)).toReadableStream());
  assert.deepEqual(items, [0, 1, 2]);
});

Deno.test("toReadableStream() pulls: nothing runs before it is read, and no item is made ahead", async () => {
  const made: number[] = [];
  const app = bootstrap(
    handlers().on(Count, async function* (n) {
      for (let i = 0; i < n; i++) {
        made.push(i);
        yield i;
      }
    }),
  );
  const reader = app.stream(Count(3)).toReadableStream().getReader();
  await settled();
  assert.deepEqual(made, []);
  await reader.read();
  await settled();
  assert.deepEqual(made, [0]);
  await reader.cancel();
});

Deno.test("toReadableStream() aborts the handler's signal and runs its finally when it is cancelled", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Count, async function* (_n, { signal, emit }) {
        try {
          yield 1;
          yield 2;
        } finally {
          log.push(`finally, aborted: ${signal.aborted}`);
          emit(Counted(1));
        }
      })
      .on(Counted, () => void log.push("event")),
  );
  const reader = app.stream(Count(1)).toReadableStream().getReader();
  await reader.read();
  await reader.cancel("Enough");
  assert.deepEqual(log, ["finally, aborted: true", "event"]);
});

Deno.test("toReadableStream() can be cancelled before it is read, and runs nothing", async () => {
  const app = bootstrap(handlers().on(Count, () => assert.fail("run")));
  await app.stream(Count(1)).toReadableStream().cancel();
});

Deno.test("toReadableStream() can be cancelled while the handler works on an item", async () => {
  const aborted = Promise.withResolvers<void>();
  const app = bootstrap(
    handlers().on(Count, async function* (_n, { signal }) {
      await new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => {
          aborted.resolve();
          reject(signal.reason);
        })
      );
      yield 1;
    }),
  );
  const reader = app.stream(Count(1)).toReadableStream().getReader();
  const reading = reader.read();
  await settled();
  const cancelling = reader.cancel();
  await aborted.promise;
  await cancelling;
  assert.equal((await reading).done, true);
});

Deno.test("toReadableStream() fails as the handler does", async () => {
  const failure = new Error("Failed");
  const app = bootstrap(
    handlers().on(Count, async function* () {
      yield 1;
      throw failure;
    }),
  );
  const reader = app.stream(Count(1)).toReadableStream().getReader();
  await reader.read();
  await assert.rejects(reader.read(), (error) => error === failure);
});
