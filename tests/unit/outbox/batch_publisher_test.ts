import assert from "node:assert/strict";
import type { Publisher, PublishResult } from "../../../src/broker/publisher.ts";
import { systemClock } from "../../../src/clock.ts";
import type { Envelope } from "../../../src/message/envelope.ts";
import { type BatchReport, publishBatch } from "../../../src/outbox/batch_publisher.ts";
import { ManualClock } from "../../../src/testing/manual_clock.ts";
import { rows } from "./rows.ts";

const ok: PublishResult = { ok: true };
const refused = new Error("Refused");
const down = new Error("Down");

interface Recording extends Publisher {
  /** The ids of each call. */
  readonly calls: string[];
}

/** A broker that answers each call with what `answer` makes of its ids, or throws it. */
function broker(
  answer: (ids: readonly string[]) => readonly (PublishResult | undefined)[],
  keepsOrderOnFailure = true,
): Recording {
  const calls: string[] = [];
  return {
    calls,
    keepsOrderOnFailure,
    // deno-lint-ignore require-await -- it rejects with what `answer` throws
    async publish(messages: readonly Envelope[]) {
      const ids = messages.map(({ id }) => id);
      calls.push(ids.join(" "));
      return answer(ids) as readonly PublishResult[];
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** A broker that rejects every call with one of these in it. */
function rejecting(poison: string, keepsOrderOnFailure = true): Recording {
  const names = poison.split(" ");
  return broker((ids) => {
    if (ids.some((id) => names.includes(id))) throw down;
    return ids.map(() => ok);
  }, keepsOrderOnFailure);
}

function publish(names: string, to: Publisher, held = ""): Promise<BatchReport> {
  return publishBatch(rows(names), {
    broker: to,
    timeoutMs: 1_000,
    clock: systemClock,
    signal: undefined,
    held: new Set(held),
  });
}

/** The verdicts as text, such as "a1 confirmed, b1 held". */
function told({ verdicts }: BatchReport): string {
  return verdicts.map(({ row, verdict }) => `${row.position} ${verdict}`).join(", ");
}

Deno.test("publishBatch() hands all rows over in one call to a broker that keeps their order", async () => {
  const to = broker((ids) => ids.map(() => ok));
  const report = await publish("a1 b1 a2", to);
  assert.equal(told(report), "a1 confirmed, b1 confirmed, a2 confirmed");
  assert.deepEqual(to.calls, ["a1 b1 a2"]);
  assert.equal(report.outage, undefined);
});

Deno.test("publishBatch() hands over one row of a lane at a time to a broker that does not", async () => {
  const to = broker((ids) => ids.map(() => ok), false);
  await publish("a1 b1 a2 c1 a3 b2", to);
  assert.deepEqual(to.calls, ["a1 b1 c1", "a2 b2", "a3"]);
});

Deno.test("publishBatch() does not try what comes behind a refused row of its lane", async () => {
  const refuseA1 = (ids: readonly string[]) =>
    ids.map((id) => id === "a1" ? { ok: false, error: refused } as const : ok);
  const report = await publish("a1 b1 a2 b2 a3", broker(refuseA1, false));
  assert.equal(
    told(report),
    "a1 failed, b1 confirmed, a2 held, b2 confirmed, a3 held",
  );
  assert.equal(report.verdicts[0]?.verdict === "failed" && report.verdicts[0].error, refused);
  assert.equal(report.outage, undefined);
});

Deno.test("publishBatch() holds what a broker that keeps order left out behind a refused row", async () => {
  const left = (ids: readonly string[]) =>
    ids.map((id) => id.startsWith("a") ? { ok: false, error: refused } as const : ok);
  const report = await publish("a1 a2 b1", broker(left));
  assert.equal(told(report), "a1 failed, a2 held, b1 confirmed");
});

Deno.test("publishBatch() counts a row as confirmed that the broker took behind a refused one", async () => {
  const report = await publish(
    "a1 a2",
    broker(() => [{ ok: false, error: refused }, ok]),
  );
  assert.equal(told(report), "a1 failed, a2 confirmed");
});

Deno.test("publishBatch() takes a row without a result for one that failed", async () => {
  const report = await publish("a1 b1", broker(() => [ok]));
  assert.equal(told(report), "a1 confirmed, b1 failed");
});

Deno.test("publishBatch() does not try rows of lanes that are held", async () => {
  const to = broker((ids) => ids.map(() => ok));
  assert.equal(told(await publish("a1 b1 a2", to, "a")), "a1 held, b1 confirmed, a2 held");
  assert.deepEqual(to.calls, ["b1"]);
  assert.equal(told(await publish("a1", to, "a")), "a1 held");
  assert.deepEqual(to.calls, ["b1"]);
});

for (const keepsOrder of [true, false]) {
  const how = keepsOrder ? "keeps order" : "does not keep order";
  Deno.test(`publishBatch() finds the row that a broker cannot take, which ${how}`, async () => {
    const names = Array.from({ length: 100 }, (_, n) => `${String.fromCharCode(0x4e00 + n)}1`);
    for (const index of [0, 1, 2, 3, 50, 98, 99]) {
      const poison = names[index] ?? "";
      const to = rejecting(poison, keepsOrder);
      const report = await publish(names.join(" "), to);
      const failed = report.verdicts.filter(({ verdict }) => verdict !== "confirmed");
      assert.deepEqual(failed.map(({ row, verdict }) => [row.position, verdict]), [
        [poison, "failed"],
      ]);
      assert.equal(report.outage, undefined);
      assert.ok(to.calls.length < 50, `${to.calls.length} calls`);
      assert.equal(to.calls.filter((call) => call === poison).length, 1);
    }
  });
}

Deno.test("publishBatch() keeps the order of a lane while it looks for what a broker cannot take", async () => {
  const to = rejecting("b2");
  const report = await publish("a1 b1 a2 b2 a3 b3 a4 c1", to);
  const confirmed = report.verdicts.filter(({ verdict }) => verdict === "confirmed");
  assert.deepEqual(
    new Set(confirmed.map(({ row }) => row.position)),
    new Set(["a1", "b1", "a2", "a3", "a4", "c1"]),
  );
  const published = to.calls.filter((call) => !call.includes("b2")).join(" ").split(" ");
  assert.deepEqual(published.filter((id) => id.startsWith("a")), ["a1", "a2", "a3", "a4"]);
  assert.equal(published.includes("b3"), false);
  assert.equal(report.verdicts.find(({ row }) => row.position === "b3")?.verdict, "held");
});

Deno.test("publishBatch() takes a broker that answers nothing to be out of reach", async () => {
  const to = broker(() => {
    throw down;
  });
  const report = await publish("a1 b1 a2 c1 d1 e1", to);
  assert.equal(report.outage?.error, down);
  assert.equal(
    told(report),
    "a1 untried, b1 untried, a2 untried, c1 untried, d1 untried, e1 untried",
  );
  assert.equal(to.calls.length, 4);
});

Deno.test("publishBatch() holds nothing against a single row when nothing else is confirmed", async () => {
  const report = await publish("a1 a2", rejecting("a1"));
  assert.equal(told(report), "a1 untried, a2 untried");
  assert.equal(report.outage?.error, down);
});

Deno.test("publishBatch() keeps what was confirmed before the broker went out of reach", async () => {
  let calls = 0;
  const to = broker((ids) => {
    if (++calls > 1) throw down;
    return ids.map(() => ok);
  }, false);
  const report = await publish("a1 b1 c1 d1 a2 b2 c2 d2", to);
  assert.equal(
    told(report),
    "a1 confirmed, b1 confirmed, c1 confirmed, d1 confirmed, " +
      "a2 untried, b2 untried, c2 untried, d2 untried",
  );
  assert.equal(report.outage?.error, down);
});

Deno.test("publishBatch() takes a broker that does not answer in time for one that rejects", async () => {
  const clock = new ManualClock();
  const silent: Publisher = {
    publish: () => new Promise(() => {}),
    async [Symbol.asyncDispose]() {},
  };
  const publishing = publishBatch(rows("a1"), {
    broker: silent,
    timeoutMs: 1_000,
    clock,
    signal: undefined,
    held: new Set(),
  });
  await clock.timersPending();
  await clock.advance(1_000);
  const report = await publishing;
  assert.equal(told(report), "a1 untried");
  assert.equal(Object(report.outage?.error).name, "TimeoutError");
});

Deno.test("publishBatch() rejects with the reason of its signal when that aborts", async () => {
  const stop = new AbortController();
  let heard: AbortSignal | undefined;
  const silent: Publisher = {
    publish(_messages, options) {
      heard = options?.signal;
      stop.abort("enough");
      return new Promise(() => {});
    },
    async [Symbol.asyncDispose]() {},
  };
  const publishing = publishBatch(rows("a1"), {
    broker: silent,
    timeoutMs: 1_000,
    clock: new ManualClock(),
    signal: stop.signal,
    held: new Set(),
  });
  await assert.rejects(publishing, (error) => error === "enough");
  assert.equal(heard?.aborted, true);
});
