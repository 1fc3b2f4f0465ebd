import fc from "fast-check";
import assert from "node:assert/strict";
import { UnexpectedResponseError } from "../../../src/client/mod.ts";
import { RunCursor } from "../../../src/client/run_cursor.ts";
import type { SseMessage } from "../../../src/stream/mod.ts";

/** The event with a number: `start` for 0. */
function message(number: number | "end", data = `"${number}"`): SseMessage {
  const event = number === "end" ? "done" : number === 0 ? "start" : "item";
  return { event, data: event === "start" ? "{}" : data, lastEventId: `r:${number}` };
}

/** A cursor that has seen events up to a number. */
function cursorAt(number: number): RunCursor {
  const cursor = new RunCursor({});
  for (let next = 0; next <= number; next++) cursor.accept(message(next));
  return cursor;
}

Deno.test("accept() gives the data of items and of nothing else", () => {
  const cursor = new RunCursor({});
  const data = [0, 1, 2, "end" as const].map((number) => cursor.accept(message(number)));
  assert.deepEqual(data, [undefined, '"1"', '"2"', undefined]);
});

Deno.test("accept() gives data that is empty", () => {
  assert.equal(cursorAt(0).accept(message(1, "")), "");
});

Deno.test("isOver tells whether the last event has come", () => {
  const cursor = cursorAt(1);
  assert.equal(cursor.isOver, false);
  cursor.accept(message("end"));
  assert.equal(cursor.isOver, true);
});

Deno.test("isOver is true after a failure and when the run is gone", () => {
  for (const event of ["failure", "stream_gone"]) {
    const cursor = cursorAt(0);
    assert.throws(() => cursor.accept({ ...message("end"), event }));
    assert.equal(cursor.isOver, true);
  }
});

Deno.test("lastEventId names the last event of which the order was right", () => {
  assert.equal(new RunCursor({}).lastEventId, undefined);
  const cursor = cursorAt(2);
  assert.equal(cursor.lastEventId, "r:2");
  assert.throws(() => cursor.accept(message(4)), UnexpectedResponseError);
  assert.equal(cursor.lastEventId, "r:2");
});

Deno.test("url is what the first event says", () => {
  const cursor = new RunCursor({});
  cursor.accept({ ...message(0), data: '{"run":"r","url":"?run=r"}' });
  assert.equal(cursor.url, "?run=r");
});

Deno.test("url is undefined when the first event has none that is a text", () => {
  const cursor = new RunCursor({});
  cursor.accept({ ...message(0), data: '{"url":7}' });
  assert.equal(cursor.url, undefined);
});

Deno.test("accept() takes the last event as the first of a connection", () => {
  const cursor = cursorAt(1);
  cursor.connect();
  cursor.accept(message("end"));
  assert.equal(cursor.isOver, true);
});

Deno.test("accept() refuses a start with another number than 0, and an item with that", () => {
  const start = { ...message(0), lastEventId: "r:1" };
  assert.throws(() => cursorAt(0).accept(start), UnexpectedResponseError);
  const item = { ...message(0), event: "item" };
  assert.throws(() => new RunCursor({}).accept(item), UnexpectedResponseError);
});

Deno.test("accept() takes a run whose id has a colon", () => {
  const cursor = new RunCursor({});
  cursor.accept({ ...message(0), lastEventId: "a:b:0" });
  assert.equal(cursor.lastEventId, "a:b:0");
});

for (const lastEventId of ["", "r", "r:", ":0", "r:-1", "r:1.5", "r:one", "r 1:0", "\u00e4:0"]) {
  Deno.test(`accept() refuses an event with the id "${lastEventId}"`, () => {
    assert.throws(
      () => new RunCursor({}).accept({ ...message(0), lastEventId }),
      UnexpectedResponseError,
    );
  });
}

Deno.test("accept() gives every item once and in order, or throws, whatever the server sends", () => {
  const event = fc.oneof(fc.nat(6), fc.constant("connect" as const), fc.constant("end" as const));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (sent) => {
      const cursor = new RunCursor({});
      const received: unknown[] = [];
      try {
        for (const next of sent) {
          if (cursor.isOver) break;
          if (next === "connect") {
            cursor.connect();
            continue;
          }
          const data = cursor.accept(message(next));
          if (data !== undefined) received.push(JSON.parse(data));
        }
      } catch (error) {
        assert.ok(error instanceof UnexpectedResponseError);
      }
      assert.deepEqual(received, received.map((_, index) => String(index + 1)));
    }),
  );
});

Deno.test("accept() never refuses a server that repeats events at the beginning of a connection", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(5))), (connections) => {
      const cursor = new RunCursor({});
      let count = 0;
      for (const [overlap, more] of connections) {
        cursor.connect();
        const end = cursor.count + more;
        for (let next = Math.max(0, cursor.count - overlap); next < end; next++) {
          if (cursor.accept(message(next)) !== undefined) count++;
        }
      }
      assert.equal(count, Math.max(0, cursor.count - 1));
    }),
  );
});
