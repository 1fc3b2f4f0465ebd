/**
 * A TCP proxy that breaks answers off. It reads of the requests' heads what it has to do:
 *
 * - `/cut/<n>/…` breaks the answer to `POST` off after `n` bytes of its body,
 * - `/cuts/<n>/…` breaks every answer off after `n` bytes of its body.
 *
 * It takes one request for each connection.
 *
 * @module
 */

/** A proxy to a port of this machine. */
export class CuttingProxy implements AsyncDisposable {
  readonly #port: number;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  /** Starts the proxy. */
  constructor(port: number) {
    this.#port = port;
    this.#accepting = this.#accept();
  }

  /** Where the proxy listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) this.#close(connection);
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    const joined: Promise<void>[] = [];
    for await (const connection of this.#listener) joined.push(this.#serve(connection));
    await Promise.all(joined);
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    client.setNoDelay();
    this.#connections.add(client);
    try {
      await this.#join(client, await readHead(client));
    } catch {
      // One of them has left.
    } finally {
      this.#close(client);
    }
  }

  async #join(client: Deno.Conn, head: string): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
    server.setNoDelay();
    this.#connections.add(server);
    if (!this.#connections.has(client)) this.#close(server);
    await write(server, withClose(head));
    const [, cut = Infinity] = CUT.exec(head) ?? [];
    await Promise.all([
      this.#copy(client, server),
      this.#copyAnswer(server, client, Number(cut)),
    ]);
  }

  async #copyAnswer(server: Deno.Conn, client: Deno.Conn, cut: number): Promise<void> {
    try {
      const head = await readHead(server);
      const end = head.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
      const body = head.slice(end, end + cut);
      await write(client, head.slice(0, end) + body);
      await this.#copy(server, client, cut - body.length);
    } finally {
      this.#close(server);
      this.#close(client);
    }
  }

  /** Copies what comes until either end closes or there is enough, and closes both. */
  async #copy(from: Deno.Conn, to: Deno.Conn, maxBytes = Infinity): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let left = maxBytes; left > 0;) {
        const byteCount = await from.read(buffer.subarray(0, Math.min(left, buffer.length)));
        if (byteCount === null) break;
        left -= byteCount;
        for (let at = 0; at < byteCount;) at += await to.write(buffer.subarray(at, byteCount));
      }
    } catch {
      // One of them is closed.
    } finally {
      this.#close(from);
      this.#close(to);
    }
  }

  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }
}

const END_OF_HEAD = "\r\n\r\n";
const CUT = /^(?:POST \/cut|\w+ \/cuts)\/(\d+)\//;

/** A request's head that asks the server to close the connection, so that no client uses it again. */
function withClose(head: string): string {
  return head.replace(/\r\nconnection: [^\r]*/i, "").replace("\r\n", "\r\nconnection: close\r\n");
}

/** Reads up to the end of a head, and maybe more. Characters stand for bytes, so that none is changed. */
async function readHead(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (!text.includes(END_OF_HEAD)) {
    const byteCount = await connection.read(buffer);
    if (byteCount === null) throw new Error("There is no head");
    text += String.fromCharCode(...buffer.subarray(0, byteCount));
  }
  return text;
}

async function write(connection: Deno.Conn, characters: string): Promise<void> {
  let rest = Uint8Array.from(characters, (character) => character.charCodeAt(0));
  while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
}
