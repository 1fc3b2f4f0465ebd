/**
 * A broker of tests: a server outside of the relays that writes down what they publish, in the order in
 * which it came, whatever becomes of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Noted } from "./messages.ts";

/** A message as the ledger has it. */
export interface Entry {
  readonly topic: string;
  readonly key: string | undefined;
  /** Its number within its key, as the test has stored it. */
  readonly n: number;
  /** Who has published it. */
  readonly relay: string;
}

/** What a relay sends for each message. */
export interface Posted {
  readonly topic: string;
  readonly key?: string;
  readonly body: { readonly n: number };
}

/** A ledger that listens on loopback. */
export class Ledger implements AsyncDisposable {
  readonly entries: Entry[] = [];
  /** Decides about a message: whether it is confirmed. A test may change it. */
  confirms: (entry: Entry) => boolean = () => true;
  /** Is awaited before a call is answered, after it has been written down. A test may change it. */
  beforeAnswer: (entries: readonly Entry[]) => void | Promise<void> = () => {};
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end: AbortController = new AbortController();
  readonly #waiting: Set<() => void> = new Set();

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, signal: this.#end.signal },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Resolves when the ledger is as the test wants it. */
  async until(condition: (entries: readonly Entry[]) => boolean): Promise<void> {
    while (!condition(this.entries)) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The numbers of each key, each where it came for the first time. */
  firsts(): Map<string, number[]> {
    const firsts = new Map<string, number[]>();
    for (const { topic, key, n } of this.entries) {
      const lane = `${topic}/${key}`;
      const numbers = firsts.get(lane) ?? [];
      firsts.set(lane, numbers);
      if (!numbers.includes(n)) numbers.push(n);
    }
    return firsts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(); // also those who still wait for an answer
    await this.#server.finished;
  }

  async #answer(request: Request): Promise<Response> {
    const relay = request.headers.get("x-relay") ?? "";
    const posted: readonly Posted[] = await request.json();
    const failed = new Set<string>();
    const entries: Entry[] = [];
    const results = posted.map(({ topic, key, body: { n } }) => {
      const entry = { topic, key, n, relay };
      const lane = `${topic}/${key}`;
      if (failed.has(lane) || !this.confirms(entry)) {
        failed.add(lane);
        return false;
      }
      entries.push(entry);
      this.entries.push(entry);
      return true;
    });
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    await this.beforeAnswer(entries);
    return Response.json(results);
  }
}

/** Sees that the ledger has each number of each key, in order where they come for the first time. */
export function assertComplete(ledger: Ledger, keys: readonly string[], count: number): void {
  const byLane = ([a]: [string, number[]], [b]: [string, number[]]) => a < b ? -1 : 1;
  const expected = keys.map((key): [string, number[]] => [
    `${Noted.topic}/${key}`,
    Array.from({ length: count }, (_, n) => n),
  ]);
  assert.deepEqual([...ledger.firsts()].sort(byLane), expected.sort(byLane));
}
