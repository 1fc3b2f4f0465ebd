import assert from "node:assert/strict";
import {
  type DenoPostgresPool,
  type DenoPostgresPoolClient,
  useOfPool,
} from "../../../../src/storage/postgres/deno_postgres_pool.ts";

/** A connection of {@linkcode Pool}. */
class Client implements DenoPostgresPoolClient {
  readonly session = { "current_transaction": null };
  readonly #pool: Pool;
  isConnected = false;
  /** Whether the server has closed it, which the driver does not get over. */
  isDead = false;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  connect(): void {
    if (this.isConnected) return;
    if (this.#pool.isDown) throw new Error("Refused");
    this.isConnected = true;
  }

  queryObject(): Promise<{ rows: unknown[] }> {
    if (this.isDead) return Promise.reject(new Error("Broken pipe"));
    return Promise.resolve({ rows: [] });
  }

  createTransaction(): never {
    throw new Error("There are no transactions here");
  }

  end(): Promise<void> {
    if (this.isDead) return Promise.reject(new Error("Broken pipe"));
    this.isConnected = false;
    return Promise.resolve();
  }

  release(): void {
    this.#pool.putBack(this);
  }
}

/** A pool that behaves as the one of deno-postgres 0.19.5 does, with its faults. */
class Pool implements DenoPostgresPool {
  readonly #max: number;
  readonly all: Client[] = [];
  #idle: Client[] | undefined;
  #waiting: Array<(client: Client) => void> = [];
  isDown = false;
  generations = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#idle === undefined ? 0 : this.#max;
  }

  async connect(): Promise<Client> {
    if (this.#idle === undefined) {
      this.generations++; // also if another call is making one already
      const made = Array.from({ length: this.#max }, () => new Client(this));
      this.all.push(...made);
      for (let turn = 0; turn < 10; turn++) await undefined;
      this.#idle = made;
    }
    await undefined;
    const client = this.#idle?.pop() ??
      await new Promise<Client>((resolve) => this.#waiting.push(resolve));
    client.connect(); // one that cannot be connected is lost
    return client;
  }

  putBack(client: Client): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next(client);
    else if (this.#idle === undefined) throw new TypeError("The pool has ended");
    else this.#idle.push(client);
  }

  async end(): Promise<void> {
    for (let client = this.#idle?.pop(); client !== undefined; client = this.#idle?.pop()) {
      await client.end();
    }
    this.#idle = undefined;
    this.#waiting = [];
  }

  /** Closes all connections from outside. */
  kill(): void {
    for (const client of this.all) client.isDead = client.isConnected;
  }
}

/** Uses `count` connections at once, so that there are so many. */
async function warmUp(use: ReturnType<typeof useOfPool>, count: number): Promise<void> {
  const all = Promise.withResolvers<void>();
  let inUse = 0;
  await Promise.all(Array.from({ length: count }, () =>
    use(() => {
      if (++inUse === count) all.resolve();
      return all.promise;
    })));
}

/** Runs a statement, and says that the connection is broken if it fails. */
function query(use: ReturnType<typeof useOfPool>): Promise<unknown> {
  return use((client, onBroken) =>
    client.queryObject("select 1").catch((error) => {
      onBroken();
      throw error;
    })
  );
}

Deno.test("useOfPool() uses no more connections at once than there are", async () => {
  const use = useOfPool(new Pool(3));
  let [inUse, most] = [0, 0];
  await Promise.all(Array.from({ length: 20 }, () =>
    use(async () => {
      most = Math.max(most, ++inUse);
      await undefined;
      inUse--;
    })));
  assert.equal(most, 3);
});

Deno.test("useOfPool() rejects with what the work throws, and puts a connection back that works", async () => {
  const pool = new Pool(1);
  const use = useOfPool(pool);
  for (let i = 0; i < 5; i++) {
    await assert.rejects(use(() => Promise.reject(new Error("No"))), /^Error: No$/);
  }
  await query(use);
  assert.equal(pool.all.length, 1);
});

Deno.test("useOfPool() lets one statement fail when all connections were closed, and makes them anew", async () => {
  const pool = new Pool(4);
  const use = useOfPool(pool);
  await warmUp(use, 4);
  pool.kill();
  const outcomes = [];
  for (let i = 0; i < 12; i++) outcomes.push(await query(use).then(() => "ok", () => "failed"));
  assert.deepEqual(outcomes, ["failed", ...Array.from({ length: 11 }, () => "ok")]);
  assert.equal(pool.generations, 2);
  await warmUp(use, 4);
});

Deno.test("useOfPool() keeps what works when one connection was closed", async () => {
  const pool = new Pool(4);
  const use = useOfPool(pool);
  await warmUp(use, 4);
  const [client] = pool.all;
  if (client !== undefined) client.isDead = true;
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => query(use)));
  assert.ok(outcomes.filter(({ status }) => status === "rejected").length <= 1);
  for (let i = 0; i < 12; i++) await query(use);
  assert.equal(pool.generations, 1);
});

Deno.test("useOfPool() closes a broken connection that can be closed, and goes on with it", async () => {
  const pool = new Pool(1);
  const use = useOfPool(pool);
  const work = use((_client, onBroken) => {
    onBroken();
    return Promise.reject(new Error("No"));
  });
  await assert.rejects(work, /^Error: No$/);
  assert.equal(pool.all[0]?.isConnected, false);
  await query(use);
  assert.equal(pool.all.length, 1);
});

for (const failures of [24, 25]) {
  Deno.test(`useOfPool() works again when a server is back, after ${failures} failures`, async () => {
    const pool = new Pool(2);
    const use = useOfPool(pool);
    await warmUp(use, 2);
    pool.kill();
    pool.isDown = true;
    for (let i = 0; i < failures; i++) await assert.rejects(query(use));
    const outcomes = await Promise.allSettled(Array.from({ length: failures }, () => query(use)));
    assert.ok(outcomes.every(({ status }) => status === "rejected"));
    pool.isDown = false;
    await Promise.all(Array.from({ length: 25 }, () => query(use)));
    // One for each two connections that were lost, and not one for whoever asks.
    assert.ok(pool.generations <= failures + 2, `${pool.generations}`);
  });
}

Deno.test("useOfPool() works when the first connection could not be made", async () => {
  const pool = new Pool(2);
  const use = useOfPool(pool);
  pool.isDown = true;
  for (let i = 0; i < 7; i++) await assert.rejects(query(use), /^Error: Refused$/);
  pool.isDown = false;
  await Promise.all(Array.from({ length: 7 }, () => query(use)));
});
