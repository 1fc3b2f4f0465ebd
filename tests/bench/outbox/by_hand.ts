/**
 * The work of an outbox as somebody would write it by hand with the same driver: what the library is
 * measured against.
 *
 * @module
 */

import type pg from "pg";

/** A table as small as one can be: one sequence, one index, a text and a body. */
export const HAND_TABLE = `create table hand_outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key text,
  body bytea not null,
  status smallint not null default 0
)`;

/** Writes rows in one statement. */
export async function insertByHand(
  client: pg.ClientBase,
  rows: ReadonlyArray<{ readonly topic: string; readonly key: string; readonly body: Uint8Array }>,
): Promise<void> {
  const values = rows.map((_, n) => `($${3 * n + 1}, $${3 * n + 2}, $${3 * n + 3})`);
  await client.query(
    `insert into hand_outbox (topic, key, body) values ${values.join(", ")}`,
    rows.flatMap(({ topic, key, body }) => [topic, key, body]),
  );
}

/** Takes rows that no other has, publishes them, deletes them, until none is left. */
export async function drainByHand(
  client: pg.ClientBase,
  publish: (bodies: readonly Uint8Array[]) => Promise<void>,
  batchSize = 500,
): Promise<number> {
  for (let total = 0;;) {
    await client.query("begin");
    const { rows } = await client.query(
      "select id, topic, key, body from hand_outbox order by id limit $1 for update skip locked",
      [batchSize],
    );
    if (rows.length > 0) {
      await publish(rows.map(({ body }) => body));
      await client.query("delete from hand_outbox where id = any($1)", [rows.map(({ id }) => id)]);
    }
    await client.query("commit");
    total += rows.length;
    if (rows.length < batchSize) return total;
  }
}

/** What python-cqrs 4 does: select a hundred, send one by one, update each, commit. */
export async function drainAsPythonCqrs(
  client: pg.ClientBase,
  publish: (bodies: readonly Uint8Array[]) => Promise<void>,
): Promise<number> {
  for (let total = 0;;) {
    await client.query("begin");
    const { rows } = await client.query(
      `select id, topic, key, body from hand_outbox where status in (0, 1)
       order by case status when 0 then 1 else 2 end, id limit 100`,
    );
    for (const { id, body } of rows) {
      await publish([body]);
      await client.query("update hand_outbox set status = 2 where id = $1", [id]);
    }
    await client.query("commit");
    total += rows.length;
    if (rows.length < 100) return total;
  }
}
