import assert from "node:assert/strict";
import { HttpProblemError, streamItems } from "../../../src/client/mod.ts";
import { systemClock } from "../../../src/clock.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { after, brokenOff, events, giveRest, items } from "./broken_run.ts";
import { RawServer, soon } from "./raw_server.ts";
import { bareAnswer, RESUMABLE_HEAD, Watch, withDelete } from "./support.ts";

Deno.test("streamItems() waits before it connects again, as long as backoff says", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  const clock = new ManualClock();
  const received = Array.fromAsync(
    streamItems(server.url, Watch({}), { clock, silenceMs: Infinity, backoff: () => 700 }),
  );
  await soon(clock.timersPending());
  await clock.advance(699);
  assert.equal(server.count("GET"), 0);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(1);
  await server.until(() => server.count("GET") === 1);
  assert.deepEqual(await soon(received), items);
  assert.equal(clock.pendingTimers, 0);
});

for (const [retry, delayMs] of [["200000", 10_000], ["9007199254740991", 15_000]] as const) {
  Deno.test(`streamItems() takes the base of its delays from the server, up to 5 minutes: ${retry}`, async () => {
    await using server = new RawServer(async (request, connection) => {
      if (request.method !== "POST") return giveRest(request, connection);
      await connection.write(`${RESUMABLE_HEAD}retry: ${retry}\n\n${events[0]}`);
    });
    const delays: number[] = [];
    const leaving = new AbortController();
    const stream = streamItems(server.url, Watch({}), {
      signal: leaving.signal,
      onStateChange(state) {
        if (state.state !== "reconnecting") return;
        delays.push(state.delayMs);
        leaving.abort();
      },
    });
    const random = Math.random;
    Math.random = () => 0.5;
    try {
      await assert.rejects(soon(stream.next()), { name: "AbortError" });
    } finally {
      Math.random = random;
    }
    assert.deepEqual(delays, [delayMs]);
  });
}

for (
  const [name, value, delayMs] of [
    ["a number of seconds", "120", 120_000],
    ["a date", "Thu, 01 Jan 1970 00:01:00 GMT", 60_000],
    ["a date that has passed", "Wed, 31 Dec 1969 23:00:00 GMT", 50],
    ["less than the backoff", "0", 50],
    ["5 minutes", "300", 300_000],
    ["nonsense", "soon", 50],
  ] as const
) {
  Deno.test(`streamItems() honours Retry-After with ${name}`, async () => {
    const header = `retry-after: ${value}\r\n`;
    await using server = new RawServer(
      brokenOff(2, after((_request, connection) => connection.write(bareAnswer(503, header)))),
    );
    const clock = new ManualClock();
    const delays: number[] = [];
    const received = Array.fromAsync(
      streamItems(server.url, Watch({}), {
        clock,
        silenceMs: Infinity,
        backoff: (attempt) => attempt === 1 ? 0 : 50,
        onStateChange: (state) => state.state === "reconnecting" && delays.push(state.delayMs),
      }),
    );
    await soon(clock.timersPending());
    await clock.advance(0);
    await server.until(() => server.count("GET") === 1);
    await soon(clock.timersPending());
    assert.deepEqual(delays, [0, delayMs]);
    await clock.advance(delayMs);
    assert.deepEqual(await soon(received), items);
  });
}

for (
  const [value, retryAfterMs] of [
    ["301", 301_000],
    ["Thu, 01 Jan 1970 00:05:01 GMT", 301_000],
    ["9".repeat(400), Number.MAX_SAFE_INTEGER],
  ] as const
) {
  Deno.test(`streamItems() ends rather than wait for the Retry-After ${value.slice(0, 30)}`, async () => {
    const header = `retry-after: ${value}\r\n`;
    await using server = new RawServer(
      brokenOff(2, (_request, connection) => connection.write(bareAnswer(503, header))),
    );
    const clock = { ...systemClock, now: () => 0 };
    await assert.rejects(
      soon(Array.fromAsync(streamItems(server.url, Watch({}), { backoff: () => 0, clock }))),
      (error) => error instanceof HttpProblemError && error.retryAfterMs === retryAfterMs,
    );
    assert.equal(server.count("GET"), 1);
  });
}

for (const delayMs of [NaN, Infinity, -Infinity]) {
  Deno.test(`streamItems() refuses ${delayMs} from backoff, and cancels the run`, async () => {
    await using server = new RawServer(withDelete(brokenOff(2, giveRest)));
    const stream = streamItems(server.url, Watch({}), { backoff: () => delayMs });
    await assert.rejects(soon(Array.fromAsync(stream)), {
      name: "RangeError",
      message: `Cannot send the request: the result of backoff must be finite, got ${delayMs}`,
    });
    await server.until(() => server.count("DELETE") === 1);
    assert.equal(server.count("GET"), 0);
  });
}

Deno.test("streamItems() does not wait when its backoff is less than 0", async () => {
  await using server = new RawServer(brokenOff(2, giveRest));
  const items = await soon(
    Array.fromAsync(streamItems(server.url, Watch({}), { backoff: () => -1 })),
  );
  assert.ok(items.length > 0);
  assert.equal(server.count("GET"), 1);
});
