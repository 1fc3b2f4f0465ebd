import { type Clock, sleep } from "../clock.ts";
import type { ObservedReplayLog } from "../stream/mod.ts";
import type { ReplayAsk, ReplayExchange } from "./replay_exchange.ts";
import { RunServer } from "./run_server.ts";

/** How long a node is taken to live after its last sign, in milliseconds. */
const LEASE_MS = 10_000;
/** How long a node waits at the most until it looks again for asks, and how long while somebody reads from it. */
const IDLE_POLL_MS = 500;
const BUSY_POLL_MS = 20;
/** How long whoever waits for an answer waits until it looks, at first and at the most. */
const FIRST_WAIT_MS = 2;
const LAST_WAIT_MS = 200;

/**
 * One log among those that share a database: it serves readers at other nodes, and says that it lives.
 * It is at work as long as it has runs or readers elsewhere.
 */
export class ReplayNode {
  readonly name: string = crypto.randomUUID();
  readonly exchange: ReplayExchange;
  readonly #local: ObservedReplayLog;
  readonly #clock: Clock;
  readonly #runs: Set<string> = new Set();
  /** The conversations that it has begun. */
  readonly #links: Set<string> = new Set();
  readonly #servers: Map<string, RunServer> = new Map();
  readonly #end: AbortController = new AbortController();
  #loop: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #wakeUps: AsyncDisposable | undefined;
  #waiting: Set<() => void> = new Set();
  #beatMs = -Infinity;

  constructor(exchange: ReplayExchange, local: ObservedReplayLog, clock: Clock) {
    this.exchange = exchange;
    this.#local = local;
    this.#clock = clock;
  }

  /** Makes the node known. */
  async start(): Promise<void> {
    await (this.#starting ??= this.#start().catch((error) => {
      this.#starting = undefined;
      throw error;
    }));
    await this.#beatInTime();
  }

  has(run: string): boolean {
    return this.#runs.has(run);
  }

  add(run: string): void {
    this.#runs.add(run);
    this.#work();
  }

  forget(run: string): void {
    if (!this.#runs.delete(run)) return;
    // Whoever looks for it is told by this node until it is forgotten, and finds nothing then.
    this.exchange.forget(run).catch(() => {});
  }

  hold(link: string): void {
    this.#links.add(link);
    this.#work();
  }

  /** Ends a conversation that this node has begun. */
  async release(ask: ReplayAsk): Promise<void> {
    if (!this.#links.delete(ask.link)) return;
    await this.exchange.close(ask);
    this.exchange.wake();
  }

  /** Resolves to an answer; to `undefined` if there will be none, or `signal` aborts. */
  async answerOf(ask: ReplayAsk, number: number, signal: AbortSignal): Promise<string | undefined> {
    for (let waitMs = FIRST_WAIT_MS;; waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)) {
      const isWoken = this.#nextWake();
      const text = await this.exchange.answerOf(ask, number);
      if (text === null || signal.aborted) return undefined;
      if (text !== undefined) return text;
      await this.#pause(waitMs, isWoken, signal);
      if (signal.aborted || this.#end.signal.aborted) return undefined;
    }
  }

  async deleteAt(node: string, run: string, owner: string): Promise<boolean> {
    const link = crypto.randomUUID();
    const { name: from } = this;
    const ask: ReplayAsk = {
      link,
      node,
      from,
      run,
      owner,
      kind: "delete",
      position: 0,
      wanted: 1,
    };
    this.hold(link);
    try {
      await this.exchange.ask(ask);
      this.exchange.wake();
      return await this.answerOf(ask, 0, this.#end.signal) === "true";
    } finally {
      await this.release(ask);
    }
  }

  async close(): Promise<void> {
    this.#end.abort();
    for (const wake of this.#waiting) wake();
    await this.#loop;
    for (const server of this.#servers.values()) await server.end();
    await this.#wakeUps?.[Symbol.asyncDispose]();
    if (this.#beatMs !== -Infinity) await this.exchange.leave(this.name);
  }

  async #start(): Promise<void> {
    this.#wakeUps = await this.exchange.subscribe?.(() => {
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    });
  }

  #work(): void {
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#isNeeded) this.#work();
    });
  }

  get #isNeeded(): boolean {
    return !this.#end.signal.aborted && (this.#runs.size > 0 || this.#links.size > 0);
  }

  async #run(): Promise<void> {
    while (this.#isNeeded) {
      const isWoken = this.#nextWake();
      // What fails now is tried again; readers elsewhere are told if it takes too long.
      await this.#look().catch(() => {});
      const isBusy = this.#servers.size > 0;
      await this.#pause(isBusy ? BUSY_POLL_MS : IDLE_POLL_MS, isWoken, this.#end.signal);
    }
  }

  async #look(): Promise<void> {
    this.#local.forgetOld();
    await this.#beatInTime();
    const asks = await this.exchange.asksOf(this.name);
    const links = new Set(asks.map(({ link }) => link));
    for (const [link, server] of this.#servers) {
      if (links.has(link)) continue;
      this.#servers.delete(link);
      await server.end(); // its reader has left, or its node has died
    }
    for (const ask of asks) {
      const server = this.#servers.get(ask.link) ??
        new RunServer(this.exchange, this.#local, ask);
      this.#servers.set(ask.link, server);
      server.want(ask.wanted);
    }
  }

  async #beatInTime(): Promise<void> {
    const nowMs = this.#clock.now();
    if (Math.abs(nowMs - this.#beatMs) < LEASE_MS / 4) return;
    await this.exchange.beat(this.name, LEASE_MS);
    this.#beatMs = nowMs;
  }

  #nextWake(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  async #pause(waitMs: number, isWoken: Promise<void>, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const onAbort = () => end.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    isWoken.then(onAbort);
    await sleep(this.#clock, waitMs, end.signal).catch(() => {});
    signal.removeEventListener("abort", onAbort);
  }
}
