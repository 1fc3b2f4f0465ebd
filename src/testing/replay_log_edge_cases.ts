import { type ConformanceCase, expectSame } from "./conformance_case.ts";
import {
  follow,
  item,
  LAST,
  mustOpen,
  readData,
  type ReplayLogHarness,
} from "./replay_log_harness.ts";

/** Cases that wrong implementations were seen to need. */
export const replayLogEdgeCases: ReadonlyArray<ConformanceCase<ReplayLogHarness>> = [
  {
    name: "open() leaves a connected reader alone when it gives nothing",
    run: async ({ log, second, advance }) => {
      const writer = await log.create("run", "ada");
      const reader = await mustOpen(log, 0);
      const other = await second();
      expectSame("The reader", await other.open("run", "eve", 0), undefined);
      expectSame("The reader", await other.open("run", "ada", 7), undefined);
      await advance(2_000);
      const reading = reader.read();
      await writer.wanted();
      await writer.append(item("a"));
      expectSame("The events", await reading, [item("a")]);
    },
  },
  {
    name: "close() of a reader that was replaced does not disconnect the next one",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      const before = await mustOpen(log, 0);
      const reader = await mustOpen(log, 0);
      await before.close();
      await advance(2_000);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, false);
      await writer.append(item("a"));
      expectSame("The events", await reader.read(), [item("a")]);
    },
  },
  {
    name: "close() ends a read that waits in another process",
    run: async ({ log, second, advance }) => {
      await log.create("run", "ada");
      const reader = await mustOpen(await second(), 0);
      const reading = reader.read();
      await advance(1_000);
      await reader.close();
      expectSame("What was read", await reading, undefined);
      expectSame("What comes after it", await reader.read(), undefined);
    },
  },
  {
    name: "append() keeps what a connected reader was given and has not dealt with",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      const all = ["a", "b", "c", "d"];
      for (const data of all) await writer.append(item(data));
      const reader = await mustOpen(log, 0);
      await reader.read();
      await writer.append(item("e"));
      await reader.close();
      expectSame("What was kept", await readData(await mustOpen(log, 0), 5), [...all, "e"]);
    },
  },
  {
    name: "wanted() rejects after the run was deleted",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      await log.delete("run", "ada");
      const wanted = follow(writer.wanted());
      await advance(0);
      expectSame("Whether wanted() has settled", wanted.isSettled, true);
      expectSame("Whether it is the reason", await wanted.error === writer.signal.reason, true);
    },
  },
  {
    name: "open() gives the end of a run again to who has read it and left",
    run: async ({ log, second, advance }) => {
      const writer = await log.create("run", "ada");
      for (const data of ["a", "b", "c"]) await writer.append(item(data));
      await writer.append(LAST);
      const reader = await mustOpen(log, 0);
      expectSame("What was read", await readData(reader, 4), ["a", "b", "c", "{}"]);
      await reader.close();
      await advance(2_000); // longer than the grace period, which is over
      const again = await mustOpen(await second(), 0);
      const events = [];
      for (let more = await again.read(); more !== undefined; more = await again.read()) {
        events.push(...more);
      }
      expectSame("The events", events, [item("a"), item("b"), item("c"), LAST]);
    },
  },
  {
    name: "open() counts the age of a run from its end",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      await mustOpen(log, 0);
      await advance(10_000);
      await writer.append(LAST);
      await advance(4_000);
      expectSame("The events", await (await mustOpen(log, 0)).read(), [LAST]);
    },
  },
  {
    name: "signal does not abort after the last event",
    run: async ({ log, advance }) => {
      const writer = await log.create("run", "ada");
      await (await mustOpen(log, 0)).close();
      await writer.append(LAST);
      await advance(2_000);
      await log.delete("run", "ada");
      await advance(10_000);
      expectSame("Whether the writer was told to stop", writer.signal.aborted, false);
    },
  },
  {
    name: "read() loses nothing of a run that is longer than what is kept of it",
    run: async ({ log }) => {
      const writer = await log.create("run", "ada");
      let reader = await mustOpen(log, 0);
      for (let n = 0; n < 300; n++) {
        const reading = reader.read();
        await writer.wanted();
        await writer.append(item(`${n}`));
        expectSame("The events", await reading, [item(`${n}`)]);
        if (n % 50 !== 49) continue;
        await reader.close();
        reader = await mustOpen(log, n);
        expectSame("The events", await reader.read(), [item(`${n}`)]);
      }
    },
  },
  {
    name: "read() gives a large event as it is",
    run: async ({ log }) => {
      const event = item("\u00e9".repeat(100_000));
      await (await log.create("run", "ada")).append(event);
      expectSame("The events", await (await mustOpen(log, 0)).read(), [event]);
    },
  },
  {
    name:
      "open() tells runs and owners apart whatever characters they have, and however long they are",
    run: async ({ log }) => {
      const long = "x".repeat(1_000);
      for (const [run, owner] of [["a:b", "c"], [" a", long], ["a", `${long}y`]] as const) {
        await (await log.create(run, owner)).append(item(run));
      }
      for (
        const [run, owner] of [["b", "c"], ["a", long], [" a", `${long}y`], ["a:b", "c "]] as const
      ) {
        expectSame("The reader", await log.open(run, owner, 0), undefined);
      }
      expectSame("The events", await (await log.open("a", `${long}y`, 0))?.read(), [item("a")]);
    },
  },
];
