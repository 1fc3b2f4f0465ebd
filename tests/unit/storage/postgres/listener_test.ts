import assert from "node:assert/strict";
import { reconnectingListen } from "../../../../src/storage/postgres/listener.ts";
import { ManualClock } from "../../../../src/testing/manual_clock.ts";

/** Longer than any delay between attempts. */
const LONG_MS = 10_000;

/** A connection that listens. */
class Connection {
  readonly channel: string;
  readonly notify: () => void;
  isClosed = false;
  readonly #loss = Promise.withResolvers<void>();
  readonly lost: Promise<void> = this.#loss.promise;

  constructor(channel: string, notify: () => void) {
    this.channel = channel;
    this.notify = notify;
  }

  lose(): void {
    this.#loss.resolve();
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** A database, whose connections can fail. */
function database() {
  const clock = new ManualClock();
  const connections: Connection[] = [];
  const attempts: number[] = [];
  const db = {
    clock,
    connections,
    /** When connections were asked for. */
    attempts,
    isDown: false,
    listen: reconnectingListen((channel, notify) => {
      attempts.push(clock.now());
      if (db.isDown) return Promise.reject(new Error("Down"));
      const connection = new Connection(channel, notify);
      connections.push(connection);
      return Promise.resolve(connection);
    }, clock),
    /** The newest connection. */
    get newest() {
      return connections.at(-1) ?? assert.fail("There is no connection");
    },
  };
  return db;
}

function counter() {
  const calls = () => {
    calls.count++;
  };
  calls.count = 0;
  return calls;
}

Deno.test("listen() rejects if the first connection cannot be made, and tries anew when called again", async () => {
  const db = database();
  db.isDown = true;
  await assert.rejects(db.listen("a", () => {}), /^Error: Down$/);
  assert.equal(db.clock.pendingTimers, 0);
  db.isDown = false;
  const calls = counter();
  const listening = await db.listen("a", calls);
  db.newest.notify();
  assert.equal(calls.count, 1);
  await listening[Symbol.asyncDispose]();
});

Deno.test("listen() connects again when its connection is lost, and calls back once it has", async () => {
  const db = database();
  const calls = counter();
  await using _listening = await db.listen("a", calls);
  const [first] = db.connections;
  first?.lose();
  await db.clock.timersPending();
  assert.equal(first?.isClosed, true);
  assert.equal(calls.count, 0);
  await db.clock.advance(LONG_MS);
  assert.equal(db.connections.length, 2);
  assert.equal(calls.count, 1);
  db.newest.notify();
  assert.equal(calls.count, 2);
});

Deno.test("listen() tries for as long as it takes, and waits longer and longer", async () => {
  const db = database();
  await using _listening = await db.listen("a", () => {});
  db.isDown = true;
  db.newest.lose();
  await db.clock.advance(120_000);
  const soon = db.attempts.filter((ms) => ms < 10_000).length;
  const late = db.attempts.filter((ms) => ms >= 110_000).length;
  assert.ok(soon > late && late >= 1, `${soon} in the first ten seconds, ${late} in the last`);
  db.isDown = false;
  await db.clock.advance(LONG_MS);
  assert.equal(db.connections.length, 2);
});

Deno.test("listen() waits for a moment also before the first attempt to connect again", async () => {
  const db = database();
  await using _listening = await db.listen("a", () => {});
  for (let i = 0; i < 5; i++) {
    db.newest.lose();
    await db.clock.timersPending();
    assert.equal(db.connections.length, i + 1);
    await db.clock.advance(LONG_MS);
  }
});

Deno.test("listen() shares a connection among those who listen to a channel", async () => {
  const db = database();
  const [first, second, other] = [counter(), counter(), counter()];
  const listening = await Promise.all([
    db.listen("a", first),
    db.listen("a", second),
    db.listen("b", other),
  ]);
  assert.deepEqual(db.connections.map(({ channel }) => channel), ["a", "b"]);
  db.connections[0]?.notify();
  assert.deepEqual([first.count, second.count, other.count], [1, 1, 0]);
  await listening[0]?.[Symbol.asyncDispose]();
  assert.equal(db.connections[0]?.isClosed, false);
  db.connections[0]?.notify();
  assert.deepEqual([first.count, second.count], [1, 2]);
  await listening[1]?.[Symbol.asyncDispose]();
  assert.equal(db.connections[0]?.isClosed, true);
  await listening[2]?.[Symbol.asyncDispose]();
});

Deno.test("listen() counts each call for itself, also with the same function", async () => {
  const db = database();
  const calls = counter();
  const [one, other] = [await db.listen("a", calls), await db.listen("a", calls)];
  db.newest.notify();
  assert.equal(calls.count, 2);
  await one[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  db.newest.notify();
  assert.equal(calls.count, 3);
  await other[Symbol.asyncDispose]();
  assert.equal(db.newest.isClosed, true);
});

Deno.test("listen() opens another connection once the last has been closed", async () => {
  const db = database();
  const calls = counter();
  const before = await db.listen("a", () => {});
  const closing = before[Symbol.asyncDispose]();
  const after = await db.listen("a", calls);
  await closing;
  assert.deepEqual(db.connections.map(({ isClosed }) => isClosed), [true, false]);
  db.newest.notify();
  assert.equal(calls.count, 1);
  await after[Symbol.asyncDispose]();
});

Deno.test("listen() can be disposed of while it waits, and leaves no timer", async () => {
  const db = database();
  const listening = await db.listen("a", () => {});
  db.isDown = true;
  db.newest.lose();
  await db.clock.timersPending();
  await listening[Symbol.asyncDispose]();
  assert.equal(db.clock.pendingTimers, 0);
  assert.equal(db.attempts.length, 1);
});

Deno.test("listen() closes a connection that is made after it was disposed of, and does not call back", async () => {
  const clock = new ManualClock();
  const made = Promise.withResolvers<Connection>();
  const connections: Connection[] = [];
  const calls = counter();
  const listen = reconnectingListen((channel, notify) => {
    connections.push(new Connection(channel, notify));
    return connections.length === 1 && connections[0]
      ? Promise.resolve(connections[0])
      : made.promise;
  }, clock);
  const listening = await listen("a", calls);
  connections[0]?.lose();
  await clock.advance(LONG_MS);
  const disposed = listening[Symbol.asyncDispose]();
  const late = connections[1] ?? assert.fail();
  made.resolve(late);
  await disposed;
  assert.equal(late.isClosed, true);
  assert.equal(calls.count, 0);
});
