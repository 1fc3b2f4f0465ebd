import { type ConcurrencyLimit, concurrencyLimit } from "../../resilience/mod.ts";
import type { PostgresParameter } from "./client.ts";

/** What `fromDenoPostgres` needs of whatever runs statements: a client, or one of its transactions. */
export interface DenoPostgresQueryable {
  /** Runs a statement. */
  queryObject(
    text: string,
    parameters?: PostgresParameter[],
  ): Promise<{ readonly rows: unknown[] }>;
}

/** What `fromDenoPostgres` needs of a transaction. */
export interface DenoPostgresTransaction extends DenoPostgresQueryable {
  /** Begins it. */
  begin(): Promise<void>;
  /** Commits it. */
  commit(): Promise<void>;
  /** Rolls it back. */
  rollback(): Promise<void>;
}

/** What `fromDenoPostgres` needs of a `Client`. */
export interface DenoPostgresClient extends DenoPostgresQueryable {
  /** What it does now. */
  readonly session: {
    /** The name of the transaction that is open. */
    readonly "current_transaction": string | null;
  };
  /** Makes a transaction, which is still to begin. */
  createTransaction(name: string): DenoPostgresTransaction;
  /** Closes the connection. */
  end(): Promise<void>;
}

/** What `fromDenoPostgres` needs of a connection that was taken out of a `Pool`. */
export interface DenoPostgresPoolClient extends DenoPostgresClient {
  /** Puts it back. */
  release(): void;
}

/** What `fromDenoPostgres` needs of a `Pool`. */
export interface DenoPostgresPool {
  /** How many connections it has. */
  readonly size: number;
  /** Takes a connection out of the pool. */
  connect(): Promise<DenoPostgresPoolClient>;
  /** Closes its connections. It makes new ones when it is asked for one after that. */
  end(): Promise<void>;
}

/** Does something with a connection, and calls `onBroken` if it cannot be used any more. */
export type Work<R> = (client: DenoPostgresClient, onBroken: () => void) => Promise<R>;

/** Finds a connection for some work. */
export type Use = <R>(work: Work<R>) => Promise<R>;

/**
 * Does something with any connection of a pool.
 *
 * A pool of deno-postgres (0.19.5) does not get over everything. A connection that the server closes
 * while it is idle fails from then on, and cannot even be closed; one that could not be made never
 * comes back; and whoever waits for one that does not come waits forever. So nobody waits in the pool,
 * and when all of its connections are lost it is made anew.
 */
export function useOfPool(pool: DenoPostgresPool): Use {
  const keeper = new PoolKeeper(pool);
  return (work) => keeper.use(work);
}

/** The connections of a pool, between two times that it is made anew. */
class Generation {
  /** Resolves when there has been an attempt to make one. */
  first: Promise<unknown> | undefined;
  /** How many of them are lost. */
  lost = 0;
  /** Those among them that cannot be closed. */
  readonly broken: DenoPostgresPoolClient[] = [];
  /** Is resolved when there are others in their place. */
  readonly renewal: PromiseWithResolvers<void> = Promise.withResolvers();
}

/** What has become of some work; nothing if it was not begun. */
interface Served<R> {
  readonly result?: R;
}

class PoolKeeper {
  readonly #pool: DenoPostgresPool;
  #generation = new Generation();
  #turns: Promise<ConcurrencyLimit> | undefined;
  #losses = 0;
  /** How many losses there had been when a connection was last known to work. */
  readonly #checks: WeakMap<DenoPostgresPoolClient, number> = new WeakMap();

  constructor(pool: DenoPostgresPool) {
    this.#pool = pool;
  }

  async use<R>(work: Work<R>): Promise<R> {
    for (;;) {
      const turns = await (this.#turns ??= this.#countTurns());
      const { promise, resolve, reject } = Promise.withResolvers<Served<R>>();
      turns.run(() => this.#serve(work, resolve, reject)).catch(reject);
      const served = await promise;
      if ("result" in served) return served.result;
    }
  }

  /** One for each connection: how many there are to be is known once there has been one. */
  async #countTurns(): Promise<ConcurrencyLimit> {
    try {
      (await this.#connect(this.#generation)).release();
      return concurrencyLimit(this.#pool.size);
    } catch (error) {
      await this.#lose(this.#generation, undefined);
      this.#turns = undefined;
      throw error;
    }
  }

  /** The turn of a connection that is lost lasts until there is another in its place. */
  async #serve<R>(
    work: Work<R>,
    resolve: (served: Served<R>) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    const generation = this.#generation;
    let client: DenoPostgresPoolClient | undefined;
    let isBroken = false;
    try {
      client = await this.#connect(generation);
      if (await this.#isAlive(client)) {
        const result = await work(client, () => {
          isBroken = true;
        });
        client.release();
        return resolve({ result });
      }
      isBroken = true;
      resolve({});
    } catch (error) {
      reject(error);
    }
    if (isBroken) this.#losses++;
    // Once it is closed, the pool connects it again.
    if (client !== undefined && (!isBroken || await canBeClosed(client))) return client.release();
    await this.#lose(generation, client);
    await generation.renewal.promise;
  }

  /** After its end a pool is made by whoever asks first: several at once would make one each. */
  async #connect(generation: Generation): Promise<DenoPostgresPoolClient> {
    if (generation.first !== undefined) {
      await generation.first;
      return await this.#pool.connect();
    }
    const connecting = this.#pool.connect();
    generation.first = connecting.catch(() => {});
    return await connecting;
  }

  /** When a connection was closed while it was idle, others probably were too. */
  async #isAlive(client: DenoPostgresPoolClient): Promise<boolean> {
    const losses = this.#losses;
    if ((this.#checks.get(client) ?? 0) < losses) {
      if (await client.queryObject("select 1").then(() => false, () => true)) return false;
      this.#checks.set(client, losses);
    }
    return true;
  }

  async #lose(generation: Generation, client: DenoPostgresPoolClient | undefined): Promise<void> {
    if (client !== undefined) generation.broken.push(client);
    generation.lost++;
    // A pool that could not be made anew has no size.
    const isOver = generation.lost >= this.#pool.size && generation === this.#generation;
    if (isOver) await this.#renew(generation);
  }

  async #renew({ broken, renewal }: Generation): Promise<void> {
    this.#generation = new Generation();
    // If the application waits for one of its own, an error is better than nothing.
    for (const client of broken) client.release();
    // The pool gives up at each that it cannot close, but has taken it out then.
    const { size } = this.#pool;
    for (let closing = 0; closing <= size; closing++) {
      if (await this.#pool.end().then(() => true, () => false)) break;
    }
    renewal.resolve();
  }
}

async function canBeClosed(client: DenoPostgresClient): Promise<boolean> {
  return await client.end().then(() => true, () => false);
}
