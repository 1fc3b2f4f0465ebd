import { memoryReplayLog } from "../../src/stream/memory_replay_log.ts";
import { ManualClock } from "../../src/testing/manual_clock.ts";
import { replayLogCases } from "../../src/testing/replay_log_cases.ts";

for (const { name, run } of replayLogCases) {
  Deno.test(`memoryReplayLog() ${name}`, async () => {
    const clock = new ManualClock();
    const log = memoryReplayLog({
      graceMs: 1_000,
      maxAgeMs: 5_000,
      maxEvents: 4,
      maxRuns: 3,
      clock,
    });
    await run({
      log,
      second: () => log,
      advance: (durationMs) => clock.advance(durationMs),
      async [Symbol.asyncDispose]() {},
    });
  });
}
