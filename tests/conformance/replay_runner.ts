import { SharedReplayLog } from "../../src/storage/shared_replay_log.ts";
import type { ReplayExchange } from "../../src/storage/replay_exchange.ts";
import { ManualClock } from "../../src/testing/manual_clock.ts";
import { replayLogCases } from "../../src/testing/replay_log_cases.ts";

/** Where logs of one test talk. */
export interface ReplayPlace extends AsyncDisposable {
  /** Opens it as another process would. */
  exchange(): Promise<ReplayExchange> | ReplayExchange;
}

/**
 * Makes a test of each case of a replay log that several processes share.
 *
 * @param hasTimers Whether the database sets timers of its own, which a test cannot end.
 */
export function testReplayLog(
  name: string,
  open: () => Promise<ReplayPlace>,
  { hasTimers = false }: { readonly hasTimers?: boolean } = {},
): void {
  const sanitizers = { sanitizeOps: !hasTimers, sanitizeResources: !hasTimers };
  for (const { name: behaviour, run } of replayLogCases) {
    Deno.test(`${name} ${behaviour}`, sanitizers, async () => {
      await using place = await open();
      const clock = new ManualClock();
      const limits = { graceMs: 1_000, maxAgeMs: 5_000, maxEvents: 4, maxRuns: 3, clock };
      const logs: SharedReplayLog[] = [];
      const another = async () => {
        const log = new SharedReplayLog(await place.exchange(), limits);
        logs.push(log);
        return log;
      };
      await run({
        log: await another(),
        second: another,
        advance: (durationMs) => clock.advance(durationMs),
        async [Symbol.asyncDispose]() {},
      });
      for (const log of logs.reverse()) await log.close();
    });
  }
}
