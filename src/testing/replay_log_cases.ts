import { type ConformanceCase, expectSame } from "./conformance_case.ts";
import {
  aborted,
  follow,
  item,
  LAST,
  mustOpen,
  readData,
  type ReplayLogHarness,
} from "./replay_log_harness.ts";
import { replayLogEdgeCases } from "./replay_log_edge_cases.ts";

type Case = ConformanceCase<ReplayLogHarness>;

const readingCases: Case[] = [
  {
    name: "read() gives the events in the order in which they were appended",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      const reader = await mustOpen(log, 0);
      for (const data of ["a", "b", "c"]) await writer.append(item(data));
      expectSame("What was read", await readData(reader, 3), ["a", "b", "c"]);
    },
  },
  {
    name: "read() gives events as they are, whatever characters they have",
    run: async ({ log }) => {
      const event = { event: "a:b 'é'", data: 'line\n"two" \u2028 🛟 \u0000', isLast: false };
      await (await log.create("run", "ada")).append(event);
      expectSame("The events", await (await mustOpen(log, 0)).read(), [event]);
    },
  },
  {
    name: "read() waits for an event",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      const reading = (await mustOpen(log, 0)).read();
      await writer.append(item("a"));
      expectSame("The events", await reading, [item("a")]);
    },
  },
  {
    name: "read() gives a process what another one appends",
    run: async ({ log, second }) => {
      const writer = await log.create("run", "ada");
      const reader = await mustOpen(await second(), 0);
      for (const data of ["a", "b"]) {
        await writer.append(item(data));
        expectSame("The events", await reader.read(), [item(data)]);
      }
    },
  },
  {
    name: "read() keeps runs apart",
    run: async ({ log }) => {
      const writers = [await log.create("run", "ada"), await log.create("RUN", "ada")];
      for (const [n, writer] of writers.entries()) await writer.append(item(`${n}`));
      expectSame("One run", await (await mustOpen(log, 0)).read(), [item("0")]);
      const other = await log.open("RUN", "ada", 0);
      expectSame("The other", await other?.read(), [item("1")]);
    },
  },
  {
    name: "close() ends a read that waits",
    run: async ({ log }) => {
      await log.create("run", "ada");
      const reader = await mustOpen(log, 0);
      const reading = reader.read();
      await reader.close();
      expectSame("What was read", await reading, undefined);
      await reader.close();
    },
  },
];

const paceCases: Case[] = [
  {
    name: "wanted() waits until a connected reader asks",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      const reader = await mustOpen(log, 0);
      const wanted = follow(writer.wanted());
      await advance(10_000);
      expectSame("Whether it was wanted before the read", wanted.isSettled, false);
      const reading = reader.read();
      await wanted.promise;
      await writer.append(item("a"));
      expectSame("The events", await reading, [item("a")]);
    },
  },
  {
    name: "wanted() resolves while no reader is connected, until the run is full",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      for (const data of ["a", "b", "c", "d"]) {
        await writer.wanted();
        await writer.append(item(data));
      }
      const wanted = follow(writer.wanted());
      await advance(500);
      expectSame("Whether more was wanted of a full run", wanted.isSettled, false);
      const reader = await mustOpen(log, 1);
      expectSame("What was kept", await readData(reader, 3), ["b", "c", "d"]);
      const reading = reader.read();
      await wanted.promise;
      await writer.append(item("e"));
      expectSame("The next events", await reading, [item("e")]);
    },
  },
  {
    name: "wanted() resolves after a reader of a full run has left that said what it has",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      for (const data of ["a", "b", "c", "d"]) await writer.append(item(data));
      await (await mustOpen(log, 2)).close();
      await writer.wanted();
      await writer.append(item("e"));
      const reader = await mustOpen(log, 2);
      expectSame("What was kept", await readData(reader, 3), ["c", "d", "e"]);
    },
  },
];

const comingBackCases: Case[] = [
  {
    name: "open() goes on behind every position that is kept",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      const all = ["a", "b", "c"];
      for (const data of all) await writer.append(item(data));
      for (const position of [2, 0, 1]) {
        const reader = await mustOpen(log, position);
        expectSame("The rest", await readData(reader, 3 - position), all.slice(position));
        await reader.close();
      }
    },
  },
  {
    name: "open() gives what was appended while nobody read",
    run: async ({ log, second }) => {
      const writer = await log.create("run", "ada");
      await (await mustOpen(log, 0)).close();
      for (const data of ["a", "b"]) await writer.append(item(data));
      expectSame("The events", await readData(await mustOpen(await second(), 0), 2), ["a", "b"]);
    },
  },
  {
    name: "open() gives nothing for a position that the run has not reached",
    run: async ({ log }) => {
      await (await log.create("run", "ada")).append(item("a"));
      for (const position of [2, 1_000_000, -1, NaN]) {
        expectSame("The reader", await log.open("run", "ada", position), undefined);
      }
    },
  },
  {
    name: "open() gives nothing for a position that is no longer kept",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      const reader = await mustOpen(log, 0);
      for (const data of ["a", "b", "c", "d", "e", "f"]) {
        const reading = reader.read();
        await writer.append(item(data));
        await reading;
      }
      await reader.close();
      expectSame("The reader", await log.open("run", "ada", 0), undefined);
      expectSame("The rest", await readData(await mustOpen(log, 5), 1), ["f"]);
    },
  },
  {
    name: "open() takes a run over from the reader before",
    run: async ({ log, second }) => {
      const writer = await log.create("run", "ada");
      const before = await mustOpen(log, 0);
      const reading = before.read();
      const reader = await mustOpen(await second(), 0);
      expectSame("What the reader before read", await reading, undefined);
      await before.close();
      await writer.append(item("a"));
      expectSame("The events", await reader.read(), [item("a")]);
      expectSame("What the reader before read", await before.read(), undefined);
    },
  },
  {
    name: "open() in time keeps a run going",
    run: async ({ log, second, advance }) => {
      const writer = await log.create("run", "ada");
      await (await mustOpen(log, 0)).close();
      await advance(900);
      const reader = await mustOpen(await second(), 0);
      await advance(5_000);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, false);
      await reader.close();
      await advance(900);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, false);
    },
  },
  {
    name: "signal aborts, and the run is forgotten, when nobody comes back in time",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      await (await mustOpen(log, 0)).close();
      for (const data of ["a", "b", "c", "d"]) await writer.append(item(data));
      const wanted = follow(writer.wanted());
      await advance(1_001);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, true);
      const isReason = await wanted.error === writer.signal.reason;
      expectSame("Whether wanted() was rejected with the reason", isReason, true);
      expectSame("The reader", await log.open("run", "ada", 0), undefined);
    },
  },
  {
    name: "signal aborts when no reader comes at all",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      await advance(1_001);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, true);
    },
  },
];

const endCases: Case[] = [
  {
    name: "read() gives nothing after the last event",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      await writer.append(LAST);
      const reader = await mustOpen(log, 0);
      expectSame("The events", await reader.read(), [LAST]);
      expectSame("What comes after them", await reader.read(), undefined);
    },
  },
  {
    name: "open() gives the end of a run to who comes back after it",
    run: async ({ log, second, advance }) => {
      const writer = await log.create("run", "ada");
      await (await mustOpen(log, 0)).close();
      await writer.append(item("a"));
      await writer.append(LAST);
      await advance(4_900);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, false);
      const reader = await mustOpen(await second(), 1);
      expectSame("The events", await reader.read(), [LAST]);
    },
  },
  {
    name: "open() gives nothing when a run has ended too long ago",
    run: async ({ log, advance }) => {
      await (await log.create("run", "ada")).append(LAST);
      await advance(5_001);
      expectSame("The reader", await log.open("run", "ada", 0), undefined);
    },
  },
  {
    name: "delete() ends a run for its writer and its reader",
    run: async ({ log, second }) => {
      const writer = await log.create("run", "ada");
      const reading = (await mustOpen(log, 0)).read();
      const stopped = aborted(writer.signal);
      expectSame("What was deleted", await (await second()).delete("run", "ada"), true);
      expectSame("What was read", await reading, undefined);
      await stopped;
      const refused = await follow(writer.append(item("a"))).error;
      expectSame("Whether append() was rejected", refused === writer.signal.reason, true);
      expectSame("The reader", await log.open("run", "ada", 0), undefined);
      expectSame("What was deleted", await log.delete("run", "ada"), false);
    },
  },
];

const ownerCases: Case[] = [
  {
    name: "open() and delete() find nothing that belongs to another owner",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      for (const owner of ["", "ADA", "ada ", "eve"]) {
        expectSame("The reader", await log.open("run", owner, 0), undefined);
        expectSame("What was deleted", await log.delete("run", owner), false);
      }
      expectSame("Whether the writer was told to stop", writer.signal.aborted, false);
    },
  },
  {
    name: "open() and delete() find nothing where there is no run",
    run: async ({ log }) => {
      expectSame("The reader", await log.open("run", "ada", 0), undefined);
      expectSame("What was deleted", await log.delete("run", "ada"), false);
    },
  },
  {
    name: "create() refuses a run that exists",
    run: async ({ log, second }) => {
      await log.create("run", "ada");
      const error = await follow((await second()).create("run", "eve")).error;
      expectSame("Whether it is a TypeError", error instanceof TypeError, true);
    },
  },
];

const limitCases: Case[] = [
  {
    name: "create() refuses one run too many while the others are at work",
    run: async ({ log }) => {
      for (const run of ["1", "2", "3"]) await log.create(run, "ada");
      const error = await follow(log.create("4", "ada")).error;
      expectSame("The code", Object(error).code, "replay_log_full");
    },
  },
  {
    name: "create() forgets a run that has ended when there are too many",
    run: async ({ log }) => {
      await log.create("1", "ada");
      await (await log.create("run", "ada")).append(LAST);
      await log.create("3", "ada");
      await log.create("4", "ada");
      expectSame("The reader", await log.open("run", "ada", 0), undefined);
    },
  },
  {
    name: "append() takes an event that was not waited for",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      const all = ["a", "b", "c", "d", "e", "f"];
      for (const data of all) await writer.append(item(data));
      expectSame("The events", await readData(await mustOpen(log, 0), 6), all);
    },
  },
];

/**
 * What every {@linkcode ReplayLog} must do.
 *
 * @example Running the cases against a log
 * ```ts
 * import { memoryReplayLog } from "@sluice/cqrs/stream";
 * import { ManualClock, replayLogCases } from "@sluice/cqrs/testing";
 * import assert from "node:assert/strict";
 *
 * for (const { run } of replayLogCases) {
 *   const clock = new ManualClock();
 *   const log = memoryReplayLog({
 *     graceMs: 1_000,
 *     maxAgeMs: 5_000,
 *     maxEvents: 4,
 *     maxRuns: 3,
 *     clock,
 *   });
 *   await assert.doesNotReject(run({
 *     log,
 *     second: () => log,
 *     advance: (durationMs) => clock.advance(durationMs),
 *     async [Symbol.asyncDispose]() {},
 *   }));
 * }
 * ```
 */
export const replayLogCases: ReadonlyArray<ConformanceCase<ReplayLogHarness>> = [
  ...readingCases,
  ...paceCases,
  ...comingBackCases,
  ...endCases,
  ...ownerCases,
  ...limitCases,
  ...replayLogEdgeCases,
];
