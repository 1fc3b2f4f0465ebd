import type { ReplayEvent, ReplayReader } from "../stream/mod.ts";
import type { ReplayAsk } from "./replay_exchange.ts";
import type { ReplayNode } from "./replay_node.ts";
import { ANSWERS_AHEAD, type ReadAnswer } from "./run_server.ts";

/** Reads a run that is at another node. */
export class RemoteReader implements ReplayReader {
  readonly #node: ReplayNode;
  readonly #end: AbortController = new AbortController();
  #ask: ReplayAsk;
  /** The number of the next answer. */
  #next = 1;
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
    const link = crypto.randomUUID();
    const reader = new RemoteReader(node, {
      ...at,
      link,
      from: node.name,
      kind: "read",
      wanted: 1,
    });
    node.hold(link);
    try {
      await node.exchange.ask(reader.#ask);
      node.exchange.wake();
      if (await reader.#answer(0) === "open") return reader;
    } catch (error) {
      await reader.close().catch(() => {});
      throw error;
    }
    await reader.close();
    return undefined;
  }

  async read(): Promise<readonly ReplayEvent[] | undefined> {
    if (this.#isOver) return undefined;
    await this.#want();
    const answer = await this.#answer(this.#next);
    if (answer === undefined || typeof answer === "string") {
      await this.close();
      return undefined;
    }
    this.#next++;
    return answer;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#end.abort();
    await this.#node.release(this.#ask);
  }

  /** Asks for more, in time before what is sent ahead is used up. */
  async #want(): Promise<void> {
    const isFirst = this.#ask.wanted === 1;
    if (!isFirst && this.#next - this.#ask.wanted < ANSWERS_AHEAD / 2) return;
    this.#ask = { ...this.#ask, wanted: this.#next + 1 };
    await this.#node.exchange.ask(this.#ask);
    this.#node.exchange.wake();
  }

  async #answer(number: number): Promise<ReadAnswer | undefined> {
    const text = await this.#node.answerOf(this.#ask, number, this.#end.signal);
    return text === undefined ? undefined : JSON.parse(text);
  }
}
