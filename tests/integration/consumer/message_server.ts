/**
 * A broker of tests: a server outside of the consumers that delivers at least once, counts nothing, and
 * lives on when they die.
 *
 * @module
 */

/** A message as it stands in a partition. */
export interface ServedMessage {
  readonly id: string;
  readonly key: string;
  /** Its number within its key. */
  readonly n: number;
  readonly partition: string;
}

/** What a consumer asks. */
export interface Asked {
  readonly call: "open" | "next" | "ack";
  readonly session?: number;
  readonly maxUnsettled?: number;
  readonly id?: string;
}

/** A server that listens on loopback. */
export class MessageServer implements AsyncDisposable {
  readonly messages: ServedMessage[] = [];
  readonly acked: Set<string> = new Set();
  /** Who reads: an older session gets nothing any more. */
  #session = 0;
  #maxUnsettled = 1;
  #delivered: Set<string> = new Set();
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #end: AbortController = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, signal: this.#end.signal },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Whether all that was published is acknowledged. */
  get isDone(): boolean {
    return this.messages.every(({ id }) => this.acked.has(id));
  }

  /** Publishes so many messages of each key, the keys in turn; each key is a partition. */
  fill(keys: readonly string[], count: number): void {
    for (let n = 0; n < count; n++) {
      for (const key of keys) this.messages.push({ id: `${key} ${n}`, key, n, partition: key });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#stir();
    await this.#server.finished;
  }

  async #answer(request: Request): Promise<Response> {
    const asked: Asked = await request.json();
    if (asked.call === "open") {
      this.#maxUnsettled = asked.maxUnsettled ?? 1;
      this.#delivered = new Set();
      this.#session++;
      this.#stir();
      return Response.json({ session: this.#session });
    }
    if (asked.call === "ack") {
      if (asked.session === this.#session && asked.id !== undefined) this.acked.add(asked.id);
      this.#stir();
      return Response.json({});
    }
    return Response.json({ message: await this.#next(asked, request.signal) });
  }

  async #next({ session }: Asked, left: AbortSignal): Promise<ServedMessage | undefined> {
    left.addEventListener("abort", () => this.#stir(), { once: true });
    while (session === this.#session && !left.aborted && !this.#end.signal.aborted) {
      const message = this.messages.find((each) => this.#isWanted(each));
      if (message !== undefined) {
        this.#delivered.add(message.id);
        return message;
      }
      await this.#wake.promise;
    }
    return undefined;
  }

  #isWanted({ id, partition }: ServedMessage): boolean {
    if (this.acked.has(id) || this.#delivered.has(id)) return false;
    const unsettled = this.messages.filter((each) =>
      each.partition === partition && this.#delivered.has(each.id) && !this.acked.has(each.id)
    );
    return unsettled.length < this.#maxUnsettled;
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
