import type { Clock } from "../clock.ts";
import type { ObservedReplayLog } from "../stream/mod.ts";
import type { ReplayAsk, ReplayExchange } from "./replay_exchange.ts";
import { RunServer } from "./run_server.ts";

/** How long a node is taken to live after its last sign, in milliseconds. */
const LEASE_MS = 10_000;
/** How old the last sign is when a node gives another one. */
const BEAT_MS = 2_500;
/**
 * For how long a node has to be seen silent until it is taken to be dead: when the database was away,
 * all nodes are silent, and need a moment to say that they live.
 */
const SILENCE_MS = 3_000;
/** How long a node waits until it looks for asks while nobody reads from it. */
const IDLE_POLL_MS = 500;
/** How long one that waits for an ask or an answer waits until it looks again, at first and at the most. */
const FIRST_WAIT_MS = 2;
const LAST_WAIT_MS = 200;

/** The error of a conversation that is not known any more, while the run may well go on. */
function conversationLost(): Error {
  return new Error("Cannot read the run as the conversation with its node was lost");
}

/**
 * One log among those that share a database: it serves readers at other nodes, and says that it lives.
 * It is at work as long as it has runs or readers elsewhere.
 */
export class ReplayNode {
  readonly name: string = crypto.randomUUID();
  readonly exchange: ReplayExchange;
  readonly #local: ObservedReplayLog;
  readonly #clock: Clock;
  /** The runs that are here, with their owners. */
  readonly #runs: Map<string, string> = new Map();
  /** The conversations that it has begun. */
  readonly #links: Set<string> = new Set();
  /** Those of them that are over, while others may not know it yet. */
  readonly #closing: Map<string, ReplayAsk> = new Map();
  readonly #servers: Map<string, RunServer> = new Map();
  readonly #waiting: Set<() => void> = new Set();
  readonly #end: AbortController = new AbortController();
  #loop: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #wakeUps: AsyncDisposable | undefined;
  #wakeCount = 0;
  #askWaitMs = LAST_WAIT_MS;
  #beatMs = -Infinity;
  /** Whether others know all of its runs. */
  #isKnown = false;

  constructor(exchange: ReplayExchange, local: ObservedReplayLog, clock: Clock) {
    this.exchange = exchange;
    this.#local = local;
    this.#clock = clock;
  }

  has(run: string): boolean {
    return this.#runs.has(run);
  }

  /** Makes a run known that is here; gives `false` if there is one of its name elsewhere. */
  async register(run: string, owner: string): Promise<boolean> {
    await this.start();
    const place = { owner, node: this.name };
    const isNew = await this.exchange.register(run, place).catch(async () => {
      await this.#beat(); // others may have forgotten this node while it was silent
      return await this.exchange.register(run, place);
    });
    if (isNew) {
      this.#runs.set(run, owner);
      this.#work();
    }
    return isNew;
  }

  forget(run: string): void {
    if (!this.#runs.delete(run)) return;
    // Whoever looks for it is told by this node until it is forgotten, and finds nothing then.
    this.exchange.forget(run).catch(() => {});
  }

  /** Makes the node known. */
  async start(): Promise<void> {
    await (this.#starting ??= this.#subscribe().catch((error) => {
      this.#starting = undefined;
      throw error;
    }));
    await this.#beatInTime();
  }

  /** Begins a conversation; gives `false` if the other node is not known any more. */
  async begin(ask: ReplayAsk): Promise<boolean> {
    this.#links.add(ask.link);
    this.#work();
    return await this.exchange.ask(ask);
  }

  /** Ends a conversation that this node has begun; if that fails, it is done later. */
  async release(ask: ReplayAsk): Promise<void> {
    if (!this.#links.delete(ask.link)) return;
    this.#closing.set(ask.link, ask);
    await this.#closeAll().catch(() => this.#work());
  }

  /**
   * Resolves to an answer; to `undefined` if its node is dead, or `signal` aborts.
   *
   * @throws If the conversation is lost.
   */
  async answerOf(ask: ReplayAsk, number: number, signal: AbortSignal): Promise<string | undefined> {
    let silentSinceMs = Infinity;
    let waitMs = this.#wakeUps === undefined ? FIRST_WAIT_MS : LAST_WAIT_MS;
    for (;;) {
      const wakeCount = this.#wakeCount;
      const answer = await this.exchange.answerOf(ask, number);
      if (signal.aborted || this.#end.signal.aborted) return undefined;
      if (answer.state === "here") return answer.text;
      if (answer.state === "lost") throw conversationLost();
      const nowMs = this.#clock.now();
      silentSinceMs = answer.state === "silent" ? Math.min(silentSinceMs, nowMs) : Infinity;
      if (nowMs - silentSinceMs >= SILENCE_MS) return undefined;
      await this.#pause(waitMs, wakeCount, signal);
      if (signal.aborted) return undefined;
      waitMs = Math.min(2 * waitMs, LAST_WAIT_MS);
    }
  }

  async deleteAt(node: string, run: string, owner: string): Promise<boolean> {
    const ask: ReplayAsk = {
      link: crypto.randomUUID(),
      node,
      from: this.name,
      run,
      owner,
      kind: "delete",
      position: 0,
      wanted: 1,
    };
    try {
      return await this.begin(ask) && await this.answerOf(ask, 0, this.#end.signal) === "true";
    } finally {
      await this.release(ask);
    }
  }

  /** Ends all of its runs, and what goes on in the background. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#wake();
    await this.#loop;
    for (const [run, owner] of [...this.#runs]) await this.#local.delete(run, owner);
    for (const server of this.#servers.values()) await server.end();
    await this.#wakeUps?.[Symbol.asyncDispose]();
    if (this.#beatMs !== -Infinity) await this.exchange.leave(this.name);
  }

  async #subscribe(): Promise<void> {
    this.#wakeUps = await this.exchange.subscribe?.(this.name, () => this.#wake());
  }

  #wake(): void {
    this.#wakeCount++;
    for (const wake of this.#waiting) wake();
  }

  #work(): void {
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#isNeeded) this.#work();
    });
  }

  get #isNeeded(): boolean {
    return !this.#end.signal.aborted &&
      this.#runs.size + this.#links.size + this.#closing.size + this.#servers.size > 0;
  }

  async #run(): Promise<void> {
    while (this.#isNeeded) {
      const wakeCount = this.#wakeCount;
      // What fails now is tried again; readers elsewhere are told if it takes too long.
      const isChanged = await this.#look().catch(() => false);
      this.#askWaitMs = isChanged ? FIRST_WAIT_MS : Math.min(2 * this.#askWaitMs, LAST_WAIT_MS);
      const isIdle = this.#servers.size === 0 || this.#wakeUps !== undefined;
      await this.#pause(isIdle ? IDLE_POLL_MS : this.#askWaitMs, wakeCount, this.#end.signal);
    }
  }

  /** A reader will ask soon, if its client takes what it has. */
  #onHeld(): void {
    if (this.#wakeUps !== undefined) return;
    this.#askWaitMs = FIRST_WAIT_MS;
    this.#wake();
  }

  /** Does what is to be done; resolves to whether anybody has asked for something new. */
  async #look(): Promise<boolean> {
    this.#local.forgetOld();
    await this.#beatInTime();
    await this.#closeAll();
    const asks = await this.exchange.asksOf(this.name);
    const links = new Set(asks.map(({ link }) => link));
    for (const [link, server] of this.#servers) {
      if (links.has(link) && !server.isBroken) continue;
      await server.end(); // its reader has left, or its node is silent, or it had to give up
      // What was sent meanwhile goes too; a reader that still is there learns that it has to come back.
      await this.exchange.close(server.ask);
      this.#servers.delete(link);
      links.delete(link);
    }
    let isChanged = false;
    for (const ask of asks) {
      if (links.has(ask.link)) isChanged = this.#serve(ask) || isChanged;
    }
    return isChanged;
  }

  #serve(ask: ReplayAsk): boolean {
    const server = this.#servers.get(ask.link) ?? new RunServer(ask, {
      exchange: this.exchange,
      log: this.#local,
      onHeld: () => this.#onHeld(),
    });
    this.#servers.set(ask.link, server);
    return server.want(ask.wanted);
  }

  async #closeAll(): Promise<void> {
    for (const [link, ask] of this.#closing) {
      await this.exchange.close(ask);
      this.#closing.delete(link);
    }
  }

  async #beatInTime(): Promise<void> {
    if (Math.abs(this.#clock.now() - this.#beatMs) >= BEAT_MS || !this.#isKnown) await this.#beat();
  }

  async #beat(): Promise<void> {
    const nowMs = this.#clock.now();
    if (!await this.exchange.beat(this.name, LEASE_MS)) this.#isKnown = false;
    if (!this.#isKnown) {
      for (const [run, owner] of this.#runs) {
        await this.exchange.register(run, { owner, node: this.name });
      }
    }
    this.#isKnown = true;
    this.#beatMs = nowMs;
  }

  /** Waits, unless somebody was woken since `wakeCount` was read. */
  async #pause(waitMs: number, wakeCount: number, signal: AbortSignal): Promise<void> {
    if (this.#wakeCount !== wakeCount || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const cancelTimer = this.#clock.setTimer(wake, waitMs);
    this.#waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    this.#waiting.delete(wake);
    cancelTimer();
  }
}
