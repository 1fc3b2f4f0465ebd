import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { fromPg } from "../../../../src/storage/postgres/from_pg.ts";
import type { PgResult, PgStatement } from "../../../../src/storage/postgres/pg_connection.ts";

/** A connection of a pool that records what happens to it. */
class Client extends EventEmitter {
  readonly done: string[] = [];
  failing: string | undefined;

  query({ text }: PgStatement): Promise<PgResult> {
    this.done.push(text);
    if (text === this.failing) return Promise.reject(new Error(`Lost at ${text}`));
    return Promise.resolve({ command: text.toUpperCase(), rows: [] });
  }

  release(destroy?: boolean): void {
    this.done.push(destroy === true ? "destroy" : "release");
  }
}

function pool(client: Client) {
  return {
    totalCount: 1,
    connect: () => Promise.resolve(client),
    query: (statement: PgStatement) => client.query(statement),
  };
}

Deno.test("transaction() puts the connection back", async () => {
  const client = new Client();
  await fromPg(pool(client)).transaction(({ query }) => query("select 1"));
  await assert.rejects(fromPg(pool(client)).transaction(() => Promise.reject(new Error("No"))));
  assert.deepEqual(client.done, [
    ...["begin", "select 1", "commit", "release"],
    ...["begin", "rollback", "release"],
  ]);
});

Deno.test("transaction() destroys a connection on which it cannot begin", async () => {
  const client = new Client();
  client.failing = "begin";
  const transaction = fromPg(pool(client)).transaction(() => assert.fail("It ran"));
  await assert.rejects(transaction, /^Error: Lost at begin$/);
  assert.deepEqual(client.done, ["begin", "destroy"]);
});

Deno.test("transaction() destroys a connection on which it cannot roll back", async () => {
  const client = new Client();
  client.failing = "rollback";
  const transaction = fromPg(pool(client)).transaction(() => Promise.reject(new Error("No")));
  await assert.rejects(transaction, /^Error: No$/);
  assert.deepEqual(client.done, ["begin", "rollback", "destroy"]);
});

Deno.test("transaction() listens to the errors of its connection, as long as it has it", async () => {
  const client = new Client();
  await fromPg(pool(client)).transaction(() => {
    client.emit("error", new Error("Lost")); // which throws if nobody listens
    return Promise.resolve();
  });
  assert.equal(client.listenerCount("error"), 0);
});

Deno.test("listen() lets go of its connection when it is disposed", async () => {
  const client = new Client();
  const listening = await fromPg(pool(client)).listen?.(`a "b"`, () => {});
  client.emit("notification", { channel: "another" });
  await listening?.[Symbol.asyncDispose]();
  assert.deepEqual(client.done, [`listen "a ""b"""`, `unlisten "a ""b"""`, "release"]);
  assert.deepEqual(client.eventNames(), []);
});

Deno.test("listen() destroys a connection on which it cannot listen", async () => {
  const client = new Client();
  client.failing = `listen "a"`;
  await assert.rejects(
    async () => await fromPg(pool(client)).listen?.("a", () => {}),
    /^Error: Lost/,
  );
  assert.deepEqual(client.done, [`listen "a"`, "destroy"]);
  assert.deepEqual(client.eventNames(), []);
});
