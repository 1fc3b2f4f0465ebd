/**
 * A network that can be cut: a TCP proxy on loopback.
 *
 * @module
 */

/** A proxy in front of a server, which may move. */
export interface Proxy extends AsyncDisposable {
  /** The address that stays the same. */
  readonly url: string;
  /** Where new connections lead; 0 leads nowhere: they are closed at once. */
  port: number;
  /** After how many bytes from the server a new connection stands still. */
  maxBytes: number;
  /** Breaks every connection off. */
  cut(): void;
}

/** Starts a proxy to a port of this machine. */
export function startProxy(port: number): Proxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  const proxy = {
    url: `http://127.0.0.1:${listener.addr.port}/`,
    port,
    maxBytes: Infinity,
    cut() {
      for (const connection of connections) close(connection);
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      proxy.cut();
      await accepting;
    },
  };

  function close(connection: Deno.Conn): void {
    if (connections.delete(connection)) connection.close();
  }

  async function join(client: Deno.Conn): Promise<void> {
    connections.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
      if (!connections.has(client)) return server.close();
      connections.add(server);
      await Promise.all([copy(client, server), copy(server, client, proxy.maxBytes)]);
    } catch {
      close(client); // there is no server
    }
  }

  /** Copies what comes until either end closes, and closes both; stands still when there is enough. */
  async function copy(from: Deno.Conn, to: Deno.Conn, maxBytes = Infinity): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let left = maxBytes; left > 0;) {
        const n = await from.read(buffer.subarray(0, Math.min(left, buffer.length)));
        if (n === null) return close(to);
        left -= n;
        for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
      }
    } catch {
      close(from);
      close(to);
    }
  }

  async function accept(): Promise<void> {
    const joined: Promise<void>[] = [];
    try {
      for await (const connection of listener) joined.push(join(connection));
    } finally {
      await Promise.all(joined);
    }
  }

  const accepting = accept();
  return proxy;
}
