import assert from "node:assert/strict";
import { LeaseLostError } from "../../../../src/storage/mod.ts";
import {
  LogReader,
  type LogReaderOptions,
  type LogStream,
  type LogTailEvent,
} from "../../../../src/storage/postgres_log/log_reader.ts";
import type { SlotState } from "../../../../src/storage/postgres_log/slot.ts";
import { SlotLostError } from "../../../../src/storage/postgres_log/slot_lost_error.ts";
import { ManualClock } from "../../../../src/testing/manual_clock.ts";

/** A slot that nobody has, as the server tells of it. */
const FREE: SlotState = {
  isActive: false,
  pid: undefined,
  confirmed: 100n,
  walStatus: "reserved",
  lagBytes: 0,
  retainedBytes: 0,
  safeBytes: undefined,
  owner: undefined,
  isOwnerAlive: false,
};

/** A server with one slot, and a reader that calls itself "me". */
class Server {
  readonly clock = new ManualClock();
  readonly events: string[] = [];
  readonly calls: string[] = [];
  slot: SlotState = FREE;
  /** What connecting fails with. */
  refusal: unknown;
  breakStream: (error: unknown) => void = () => {};
  readonly reader: LogReader;

  constructor(options: Partial<LogReaderOptions> = {}) {
    this.reader = new LogReader({
      look: () => {
        this.calls.push("look");
        return Promise.resolve(this.slot);
      },
      claim: () => {
        this.calls.push("claim");
        this.slot = { ...this.slot, owner: "me", isOwnerAlive: true };
        return Promise.resolve("me");
      },
      terminate: (pid) => {
        this.calls.push(`terminate ${pid}`);
        this.slot = { ...this.slot, isActive: false };
        return Promise.resolve();
      },
      open: (confirmed) => this.#open(confirmed),
      onEvent: (event) => this.events.push(describe(event)),
      standbyMs: 1_000,
      backoff: (attempt) => attempt * 100,
      clock: this.clock,
      ...options,
    });
  }

  #open(confirmed: bigint): Promise<LogStream> {
    this.calls.push(`open ${confirmed}`);
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const { promise: ended, resolve } = Promise.withResolvers<unknown>();
    this.breakStream = resolve;
    return Promise.resolve({
      ended,
      acknowledge: (lsn) => this.calls.push(`acknowledge ${lsn}`),
      ask: () => this.calls.push("ask"),
      close: () => {
        resolve(undefined);
        return Promise.resolve();
      },
    });
  }
}

function describe(event: LogTailEvent): string {
  return event.type === "disconnected"
    ? `${(event.error as Error).message}: again in ${event.retryAfterMs} ms`
    : event.type;
}

function errorOf({ reader }: Server): unknown {
  return reader.failure?.error;
}

Deno.test("LogReader takes a slot that is free, and reads from where it was confirmed", async () => {
  const { reader, calls, events } = new Server();
  await reader.look();
  assert.deepEqual(calls, ["look", "claim", "open 100"]);
  assert.deepEqual(events, ["reading"]);
  assert.equal(reader.isReading, true);
  assert.equal(reader.failure, undefined);
  await reader.stop();
  assert.equal(reader.isReading, false);
});

Deno.test("LogReader connects again after growing delays, without claiming again", async () => {
  const server = new Server();
  const { reader, clock, calls, events } = server;
  await reader.look();
  server.slot = { ...server.slot, confirmed: 150n };
  server.refusal = new Error("Refused");
  server.breakStream(new Error("Broken"));
  await clock.advance(100);
  await clock.advance(200);
  server.refusal = undefined;
  await clock.advance(300);
  assert.deepEqual(events, [
    "reading",
    "Broken: again in 100 ms",
    "Refused: again in 200 ms",
    "Refused: again in 300 ms",
    "reading",
  ]);
  assert.deepEqual(calls.filter((call) => call !== "look"), [
    "claim",
    "open 100",
    "open 150",
    "open 150",
    "open 150",
  ]);
  assert.equal(reader.failure, undefined);
  await reader.stop();
});

Deno.test("LogReader begins with short delays again when a connection has lasted", async () => {
  const server = new Server();
  const { reader, clock, events } = server;
  await reader.look();
  for (const lastMs of [0, 0, 6_000, 0]) {
    await clock.advance(lastMs);
    server.breakStream(new Error("Broken"));
    await clock.timersPending();
    await clock.advance(1_000);
  }
  assert.deepEqual(events.filter((event) => event !== "reading"), [
    "Broken: again in 100 ms",
    "Broken: again in 200 ms",
    "Broken: again in 100 ms",
    "Broken: again in 200 ms",
  ]);
  await reader.stop();
});

Deno.test("LogReader says what it fails with if it was never connected, or fails again and again", async () => {
  const server = new Server();
  server.refusal = new Error("Refused");
  await server.reader.look();
  assert.equal(errorOf(server), server.refusal);
  server.refusal = undefined;
  await server.clock.advance(100);
  assert.equal(errorOf(server), undefined);
  server.refusal = new Error("Refused again");
  server.breakStream(new Error("Broken"));
  await server.clock.timersPending();
  for (let failures = 2; failures < 5; failures++) {
    assert.equal(errorOf(server), undefined);
    await server.clock.advance(failures * 100);
  }
  assert.equal(errorOf(server), server.refusal);
  await server.reader.stop();
});

Deno.test("LogReader stands by while another has the slot, and takes it when it is let go", async () => {
  const server = new Server();
  const { reader, clock, events } = server;
  server.slot = { ...FREE, owner: "other", isOwnerAlive: true, isActive: true, pid: "7" };
  await reader.look();
  await clock.advance(10_000);
  assert.deepEqual(events, ["standby"]);
  assert.equal(reader.isReading, false);
  server.slot = FREE;
  await clock.advance(1_000);
  assert.deepEqual(events, ["standby", "reading"]);
  await reader.stop();
});

Deno.test("LogReader that stands by looks at once when it is asked to", async () => {
  const server = new Server();
  server.slot = { ...FREE, owner: "other", isOwnerAlive: true, isActive: true };
  await server.reader.look();
  await server.reader.look();
  assert.deepEqual(server.calls, ["look", "look"]);
  server.slot = FREE;
  await server.reader.look();
  assert.deepEqual(server.events, ["standby", "reading"]);
  await server.reader.stop();
});

Deno.test("LogReader ends the connection of an owner that was silent for too long, and takes over", async () => {
  const server = new Server();
  server.slot = { ...FREE, owner: "other", isOwnerAlive: false, isActive: true, pid: "7" };
  const looking = server.reader.look();
  await server.clock.timersPending();
  await server.clock.advance(50);
  await looking;
  assert.deepEqual(server.calls, ["look", "claim", "terminate 7", "look", "open 100"]);
  assert.deepEqual(server.events, ["reading"]);
  await server.reader.stop();
});

Deno.test("LogReader takes over from an owner that is not connected for standbyMs, and not before", async () => {
  const server = new Server();
  const { reader, clock } = server;
  const owned = { ...FREE, owner: "other", isOwnerAlive: true };
  server.slot = { ...owned, isActive: true };
  await reader.look();
  server.slot = owned;
  await reader.look();
  await clock.advance(900);
  await reader.look();
  server.slot = { ...owned, isActive: true };
  await reader.look();
  server.slot = owned;
  await clock.advance(900);
  await reader.look();
  await clock.advance(900);
  await reader.look();
  assert.deepEqual(server.events, ["standby"]);
  await clock.advance(100);
  await reader.look();
  assert.deepEqual(server.events, ["standby", "reading"]);
  await reader.stop();
});

Deno.test("LogReader waits for a slot that is being made", async () => {
  const server = new Server();
  server.slot = { ...FREE, confirmed: undefined };
  await server.reader.look();
  assert.deepEqual(server.events, ["standby"]);
  server.slot = FREE;
  await server.clock.advance(1_000);
  assert.deepEqual(server.events, ["standby", "reading"]);
  await server.reader.stop();
});

Deno.test("LogReader stands by if others were faster", async () => {
  const server = new Server({ claim: () => Promise.resolve(undefined) });
  await server.reader.look();
  assert.deepEqual(server.events, ["standby"]);
  await server.reader.stop();
});

Deno.test("LogReader claims again if the owner lets go of the slot right then", async () => {
  const server = new Server({
    claim: ({ owner }) => {
      if (owner === undefined) return Promise.resolve("me");
      server.slot = FREE;
      return Promise.resolve(undefined);
    },
  });
  server.slot = { ...FREE, owner: "other", isOwnerAlive: false };
  await server.reader.look();
  assert.deepEqual(server.events, ["reading"]);
  await server.reader.stop();
});

Deno.test("LogReader has lost the lease when another has claimed its slot", async () => {
  const server = new Server();
  await server.reader.look();
  server.slot = { ...FREE, owner: "other", isOwnerAlive: true, isActive: true, pid: "7" };
  server.breakStream(new Error("Terminated"));
  await server.clock.advance(100);
  assert.ok(server.reader.failure?.error instanceof LeaseLostError);
  await server.clock.advance(100_000);
  assert.deepEqual(server.calls.slice(-2), ["open 100", "look"]);
  await server.reader.stop();
});

Deno.test("LogReader does not go on without its slot", async () => {
  const error = new SlotLostError("outbox", "missing");
  const server = new Server({ look: () => Promise.reject(error) });
  await server.reader.look();
  assert.equal(server.reader.failure?.error, error);
  assert.equal(server.clock.pendingTimers, 0);
  assert.deepEqual(server.events, []);
  await server.reader.look();
  await server.reader.stop();
});

Deno.test("LogReader that is stopped leaves no timer behind, wherever it was", async () => {
  const waiting = new Server();
  waiting.slot = { ...FREE, owner: "other", isOwnerAlive: true, isActive: true };
  await waiting.reader.look();
  await waiting.reader.stop();
  assert.equal(waiting.clock.pendingTimers, 0);
  const failing = new Server();
  failing.refusal = new Error("Refused");
  await failing.reader.look();
  await failing.reader.stop();
  assert.equal(failing.clock.pendingTimers, 0);
  const unused = new Server();
  await unused.reader.stop();
  assert.deepEqual(unused.calls, []);
});

Deno.test("LogReader closes a stream that is opened while it is stopped", async () => {
  const opening = Promise.withResolvers<LogStream>();
  let isClosed = false;
  let signal: AbortSignal | undefined;
  const { reader } = new Server({
    open: (_confirmed, given) => {
      signal = given;
      return opening.promise;
    },
  });
  const looking = reader.look();
  while (signal === undefined) await Promise.resolve();
  const stopping = reader.stop();
  assert.equal(signal.aborted, true);
  const ended = Promise.withResolvers<unknown>();
  opening.resolve({
    ended: ended.promise,
    acknowledge() {},
    ask() {},
    close() {
      isClosed = true;
      ended.resolve(undefined);
      return Promise.resolve();
    },
  });
  await stopping;
  await looking;
  assert.equal(isClosed, true);
});
