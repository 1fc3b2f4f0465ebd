/**
 * The world outside of sagas: a server that lives on when their processes die. It writes down each call of
 * a step, and what has become of each effect, by the idempotency keys.
 *
 * @module
 */

/** A call of a side of a step, or a part of one. */
export interface StepCall {
  readonly saga: string;
  readonly step: string;
  /** The idempotency key: that of an act, also where it is undone. */
  readonly key: string;
  readonly side: "act" | "compensate";
  /** The handler begins, has its effect, or ends; one whose process dies does not end. */
  readonly phase: "begin" | "effect" | "end";
  readonly process: string;
  readonly attempt: number;
}

/** A call as the ledger has it. */
export interface NotedCall extends StepCall {
  /** Why its effect did not take place, if it did not. */
  readonly refused: string | undefined;
  /** When it came, in milliseconds of a clock that nobody sets. */
  readonly at: number;
}

/** What steps call. */
export interface Effects {
  /** Resolves to why the effect does not take place, if it does not. */
  tell(call: StepCall): Promise<string | undefined>;
}

/** What has become of an effect. What was undone stays so, also if it is asked for later. */
export type EffectState = "done" | "undone";

/** A ledger that listens on loopback, and can be told directly. */
export class EffectsLedger implements Effects, AsyncDisposable {
  readonly calls: NotedCall[] = [];
  /** By the idempotency key. */
  readonly effects: Map<string, EffectState> = new Map();
  /** Calls of acts whose effect was undone before. */
  readonly late: StepCall[] = [];
  /** Calls that began while another one of the same side of the same step had not ended. */
  readonly overlaps: (readonly [StepCall, StepCall])[] = [];
  /** Decides why an effect does not take place. A test may change it. */
  refuses: (call: StepCall) => string | undefined = () => undefined;
  /** Is awaited before a call is answered, after it has been written down. A test may change it. */
  beforeAnswer: (call: StepCall) => void | Promise<void> = () => {};
  readonly #open: Map<string, StepCall> = new Map();
  readonly #dead: Set<string> = new Set();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end: AbortController = new AbortController();
  readonly #waiting: Set<() => void> = new Set();

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, signal: this.#end.signal },
      async (request) => Response.json({ refused: await this.tell(await request.json()) }),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  async tell(call: StepCall): Promise<string | undefined> {
    if (call.phase !== "effect") this.#mark(call);
    const refused = call.phase === "effect" ? this.#take(call) : undefined;
    this.calls.push({ ...call, refused, at: performance.now() });
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    await this.beforeAnswer(call);
    return refused;
  }

  /** Forgets what a process had begun and can no longer end. */
  died(process: string): void {
    this.#dead.add(process); // what it has sent may still come
    for (const [name, call] of this.#open) if (call.process === process) this.#open.delete(name);
  }

  /** The calls about a saga, in the order in which they came. */
  callsOf(saga: string): NotedCall[] {
    return this.calls.filter((call) => call.saga === saga);
  }

  /** Resolves when the ledger is as the test wants it. */
  async until(condition: (ledger: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(); // also those who still wait for an answer
    await this.#server.finished;
  }

  #mark(call: StepCall): void {
    const name = `${call.side} ${call.key}`;
    const open = this.#open.get(name);
    if (call.phase === "begin") {
      if (open !== undefined) this.overlaps.push([open, call]);
      if (!this.#dead.has(call.process)) this.#open.set(name, call);
    } else if (open?.process === call.process) this.#open.delete(name);
  }

  #take(call: StepCall): string | undefined {
    const refused = this.refuses(call);
    if (refused !== undefined) return refused;
    const { key, side } = call;
    if (side === "compensate") this.effects.set(key, "undone");
    else if (this.effects.get(key) === "undone") {
      this.late.push(call);
      return `${key} was undone`;
    } else this.effects.set(key, "done");
    return undefined;
  }
}

/** The ledger of another process. */
export function remoteLedger(url: string): Effects {
  return {
    async tell(call) {
      const response = await fetch(url, { method: "POST", body: JSON.stringify(call) });
      const { refused } = await response.json();
      return refused;
    },
  };
}
