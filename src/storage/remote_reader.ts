import type { ReplayEvent, ReplayReader } from "../stream/mod.ts";
import type { ReplayAsk } from "./replay_exchange.ts";
import type { ReplayNode } from "./replay_node.ts";
import type { ReadAnswer } from "./run_server.ts";

/** Reads a run that is at another node. */
export class RemoteReader implements ReplayReader {
  readonly #node: ReplayNode;
  readonly #end: AbortController = new AbortController();
  #ask: ReplayAsk;
  /** The number of the next answer. */
  #next = 1;
  #isAskDue = true;
  #isOver = false;

  private constructor(node: ReplayNode, ask: ReplayAsk) {
    this.#node = node;
    this.#ask = ask;
  }

  /** Connects to a run; `undefined` if it, its position or its node is gone. */
  static async open(
    node: ReplayNode,
    at: Pick<ReplayAsk, "run" | "owner" | "position" | "node">,
  ): Promise<RemoteReader | undefined> {
    const ask: ReplayAsk = {
      ...at,
      link: crypto.randomUUID(),
      from: node.name,
      kind: "read",
      wanted: 1,
    };
    const reader = new RemoteReader(node, ask);
    try {
      if (await node.begin(ask) && await reader.#answer(0) === "open") return reader;
    } catch (error) {
      await reader.close();
      throw error;
    }
    await reader.close();
    return undefined;
  }

  async read(): Promise<readonly ReplayEvent[] | undefined> {
    if (this.#isOver) return undefined;
    if (this.#isAskDue) await this.#want();
    const answer = await this.#answer(this.#next);
    if (answer === undefined || typeof answer === "string") {
      await this.close();
      return undefined;
    }
    this.#next++;
    this.#isAskDue = answer.isAskDue;
    return answer.events;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#end.abort();
    await this.#node.release(this.#ask);
  }

  /** Says that it has dealt with the answers so far, and wants more. */
  async #want(): Promise<void> {
    this.#ask = { ...this.#ask, wanted: this.#next + 1 };
    await this.#node.exchange.want(this.#ask);
  }

  async #answer(number: number): Promise<ReadAnswer | undefined> {
    const text = await this.#node.answerOf(this.#ask, number, this.#end.signal);
    return text === undefined ? undefined : JSON.parse(text);
  }
}
