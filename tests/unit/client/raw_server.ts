/** A server that does what a test tells it to, byte by byte. */

/** A request as a server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** The path and the query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

/** What a server does with one request. The connection is closed afterwards. */
export type Respond = (request: SeenRequest, connection: ServerConnection) => Promise<void> | void;

/** A server that speaks plain TCP, so that it can break off at any byte. It takes one request for each connection. */
export class RawServer implements AsyncDisposable {
  /** The requests, in the order of their coming. */
  readonly requests: SeenRequest[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #respond: Respond;
  readonly #connections = new Set<ServerConnection>();
  readonly #serving = new Set<Promise<void>>();
  readonly #waiting = new Set<() => void>();

  constructor(respond: Respond) {
    this.#respond = respond;
    this.#serving.add(this.#listen());
  }

  /** Where the server listens. */
  get url(): string {
    const { port } = this.#listener.addr as Deno.NetAddr;
    return `http://127.0.0.1:${port}`;
  }

  /** The requests with a method. */
  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length;
  }

  /** Resolves when `condition` holds; it is looked at with every request. */
  until(condition: () => boolean): Promise<void> {
    return soon(
      new Promise((resolve) => {
        const look = () => {
          if (!condition()) return;
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
        look();
      }),
    );
  }

  /** Closes everything, and waits for what the test made it do. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#serving);
  }

  async #listen(): Promise<void> {
    for await (const connection of this.#listener) {
      const serving = this.#serve(new ServerConnection(connection));
      this.#serving.add(serving);
    }
  }

  async #serve(connection: ServerConnection): Promise<void> {
    this.#connections.add(connection);
    try {
      const request = await connection.readRequest();
      if (request === undefined) return;
      this.requests.push(request);
      for (const look of this.#waiting) look();
      await this.#respond(request, connection);
    } finally {
      connection.close();
      this.#connections.delete(connection);
    }
  }
}

/** The server's end of a connection. */
export class ServerConnection {
  readonly #connection: Deno.TcpConn;
  #isClosed = false;

  constructor(connection: Deno.TcpConn) {
    connection.setNoDelay();
    this.#connection = connection;
  }

  /** Sends text or bytes. A client that has left does not matter. */
  async write(content: string | Uint8Array): Promise<void> {
    let rest = typeof content === "string" ? new TextEncoder().encode(content) : content;
    try {
      while (rest.length > 0) rest = rest.subarray(await this.#connection.write(rest));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }

  /** Resolves when the client has closed the connection. */
  async left(): Promise<void> {
    const buffer = new Uint8Array(1_024);
    while (await this.#read(buffer) !== null);
  }

  /** Closes the connection. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }

  /** Reads the request; nothing if the client closes the connection before. */
  async readRequest(): Promise<SeenRequest | undefined> {
    const buffer = new Uint8Array(65_536);
    let text = "";
    for (;;) {
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        const [line = "", ...lines] = text.slice(0, end).split("\r\n");
        const headers = new Headers(lines.map((line): [string, string] => {
          const [name = "", ...value] = line.split(":");
          return [name, value.join(":").trim()];
        }));
        const body = text.slice(end + 4);
        if (body.length >= Number(headers.get("content-length") ?? 0)) {
          const [method = "", target = ""] = line.split(" ");
          return { method, target, headers, body };
        }
      }
      const byteCount = await this.#read(buffer);
      if (byteCount === null) return undefined;
      // The requests of these tests are in ASCII.
      text += new TextDecoder().decode(buffer.subarray(0, byteCount));
    }
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.#connection.read(buffer);
    } catch {
      return null;
    }
  }
}

/** Waits for what must happen soon, so that a test fails rather than hangs. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("Nothing has happened for 10 s")), 10_000);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
