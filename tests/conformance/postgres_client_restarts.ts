import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { PostgresClient } from "../../src/storage/postgres/client.ts";
import type { PostgresServer } from "../services/postgres.ts";
import { put, rows, TABLE } from "./postgres_client_harness.ts";

/**
 * Restarts the server while transactions run, and checks that those which were said to be committed
 * are, that each is there as a whole or not at all, and that the client goes on afterwards.
 */
export async function surviveRestarts(
  client: PostgresClient,
  server: PostgresServer,
): Promise<void> {
  await client.query(TABLE);
  const committed = new Set<string>();
  let isOver = false;
  const work = async (_: unknown, worker: number) => {
    for (let i = 0; !isOver; i++) {
      const name = `${worker}-${i}`;
      const transaction = client.transaction(async ({ query }) => {
        await put(query, name);
        await put(query, `child of ${name}`, name);
      });
      await transaction.then(() => committed.add(name), () => setImmediate());
    }
  };
  const workers = Array.from({ length: 12 }, work);
  for (const mode of ["immediate", "fast", "immediate"] as const) {
    await untilMore(committed, 50);
    await server.restart({ mode });
  }
  await untilMore(committed, 50);
  isOver = true;
  await Promise.all(workers);
  for (let i = 0; i < 20; i++) {
    assert.deepEqual(await rows(client.query, "select 1 as it"), [{ it: 1 }]);
  }
  const found = new Set((await client.query("select name from entry")).map(({ name }) => name));
  for (const name of committed) assert.ok(found.has(name), `${name} is lost`);
  const parents = [...found].filter((name) => !String(name).startsWith("child"));
  assert.equal(found.size, 2 * parents.length);
  for (const name of parents) assert.ok(found.has(`child of ${name}`), `${name} has no child`);
}

/** Resolves when there are so many more. */
async function untilMore(names: ReadonlySet<string>, count: number): Promise<void> {
  const enough = names.size + count;
  const deadline = AbortSignal.timeout(60_000);
  while (names.size < enough) {
    deadline.throwIfAborted();
    await setImmediate();
  }
}
