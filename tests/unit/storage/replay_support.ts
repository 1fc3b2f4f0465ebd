/**
 * What the tests of shared replay logs share: a place in memory where nodes talk, whose faults a test
 * decides, and events.
 *
 * @module
 */

import { ManualClock } from "@sluice/cqrs/testing";
import type { Clock } from "../../../src/clock.ts";
import type {
  ReplayAnswer,
  ReplayAsk,
  ReplayExchange,
  RunPlace,
} from "../../../src/storage/replay_exchange.ts";
import { SharedReplayLog } from "../../../src/storage/shared_replay_log.ts";
import type { MemoryReplayLogOptions } from "../../../src/stream/memory_replay_log.ts";
import type { ReplayEvent } from "../../../src/stream/replay_log.ts";

/** The exchanges of a place do these things. */
export type Action = keyof ReplayExchange;

/** Where nodes talk, without a database. */
export class ReplayPlace implements AsyncDisposable {
  readonly clock: ManualClock = new ManualClock();
  /** Until when each node lives. */
  readonly nodes: Map<string, number> = new Map();
  readonly runs: Map<string, RunPlace> = new Map();
  readonly asks: Map<string, ReplayAsk> = new Map();
  readonly answers: Map<string, string> = new Map();
  /** How often each thing was done. */
  readonly counts: Map<Action, number> = new Map();
  /** How often each thing fails before it works. */
  readonly failures: Map<Action, number> = new Map();
  /** What each thing waits for. */
  readonly holds: Map<Action, Promise<void>> = new Map();
  readonly #logs: SharedReplayLog[] = [];

  /** Opens a log as another process would, with the limits of the port's cases unless there are others. */
  open(options: MemoryReplayLogOptions = {}): SharedReplayLog {
    const limits = { graceMs: 60_000, maxEvents: 4, clock: this.clock, ...options };
    const log = new SharedReplayLog(this.#exchange(this.clock), limits, this.clock);
    this.#logs.push(log);
    return log;
  }

  /** Lets time pass in steps, so that what is due happens in its order. */
  async advance(durationMs: number): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= 100) {
      await this.clock.advance(Math.min(leftMs, 100));
    }
  }

  /** Forgets a node, as others do when it is silent for long. */
  forget(node: string): void {
    this.nodes.delete(node);
    for (const [run, place] of this.runs) if (place.node === node) this.runs.delete(run);
    for (const ask of this.asks.values()) {
      if (ask.node === node || ask.from === node) this.#drop(ask);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.failures.clear();
    for (const log of this.#logs) await log.close();
  }

  #drop({ link }: ReplayAsk): void {
    this.asks.delete(link);
    for (const key of this.answers.keys()) if (key.startsWith(link)) this.answers.delete(key);
  }

  #lives(node: string): boolean {
    return (this.nodes.get(node) ?? -Infinity) >= this.clock.now();
  }

  #exchange(clock: Clock): ReplayExchange {
    return this.#failing({
      beat: (node, leaseMs) => {
        const wasKnown = this.nodes.has(node);
        this.nodes.set(node, clock.now() + leaseMs);
        return Promise.resolve(wasKnown);
      },
      leave: (node) => Promise.resolve(this.forget(node)),
      register: (run, place) => {
        if (!this.nodes.has(place.node)) return Promise.reject(new Error("There is no such node"));
        const found = this.runs.get(run);
        if (found !== undefined && found.node !== place.node) return Promise.resolve(false);
        this.runs.set(run, place);
        return Promise.resolve(true);
      },
      forget: (run) => Promise.resolve(void this.runs.delete(run)),
      find: (run) => Promise.resolve(this.runs.get(run)),
      ask: (ask) => {
        const isKnown = this.nodes.has(ask.node);
        if (isKnown) this.asks.set(ask.link, ask);
        return Promise.resolve(isKnown);
      },
      want: (ask) => {
        if (this.asks.has(ask.link)) this.asks.set(ask.link, ask);
        return Promise.resolve();
      },
      asksOf: (node) =>
        Promise.resolve(
          [...this.asks.values()].filter((ask) => ask.node === node && this.#lives(ask.from)),
        ),
      answer: ({ link }, number, text) => {
        if (this.asks.has(link)) this.answers.set(`${link} ${number}`, text);
        return Promise.resolve();
      },
      answerOf: ({ link, node }, number) => Promise.resolve(this.#answerOf(link, node, number)),
      close: (ask) => Promise.resolve(this.#drop(ask)),
    });
  }

  #answerOf(link: string, node: string, number: number): ReplayAnswer {
    const text = this.answers.get(`${link} ${number}`);
    if (text !== undefined) return { state: "here", text };
    if (!this.asks.has(link)) return { state: "lost" };
    return { state: this.#lives(node) ? "none" : "silent" };
  }

  #failing(exchange: ReplayExchange): ReplayExchange {
    const wrap =
      <A extends unknown[], R>(action: Action, act: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        this.counts.set(action, (this.counts.get(action) ?? 0) + 1);
        await this.holds.get(action);
        const failures = this.failures.get(action) ?? 0;
        if (failures === 0) return await act(...args);
        this.failures.set(action, failures - 1);
        throw new Error(`The database cannot ${action}`);
      };
    return {
      beat: wrap("beat", exchange.beat),
      leave: wrap("leave", exchange.leave),
      register: wrap("register", exchange.register),
      forget: wrap("forget", exchange.forget),
      find: wrap("find", exchange.find),
      ask: wrap("ask", exchange.ask),
      want: wrap("want", exchange.want),
      asksOf: wrap("asksOf", exchange.asksOf),
      answer: wrap("answer", exchange.answer),
      answerOf: wrap("answerOf", exchange.answerOf),
      close: wrap("close", exchange.close),
    };
  }
}

/** An event that is not the last. */
export function item(data: string): ReplayEvent {
  return { event: "item", data, isLast: false };
}

/** What a promise has come to, while time passes until it has. */
export async function outcome<T>(place: ReplayPlace, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  promise.then(settled, settled);
  for (let steps = 0; !isSettled && steps < 600; steps++) await place.advance(100);
  if (!isSettled) throw new Error("It has not settled within a minute");
  return await promise;
}
