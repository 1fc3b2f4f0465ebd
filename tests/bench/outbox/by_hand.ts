/**
 * The work of an outbox as somebody would write it by hand with the same driver: what the library is
 * measured against.
 *
 * @module
 */

// @ts-types="npm:@types/pg@^8"
import type pg from "pg";

/** A table for the same messages: one sequence, one index. */
export const HAND_TABLE = `create table hand_outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key text,
  message_id text not null,
  type text not null,
  attributes json not null,
  body bytea not null,
  status smallint not null default 0
)`;

/** What a row holds beside its body. */
const ATTRIBUTES = JSON.stringify({
  source: "/",
  time: "2026-11-28T12:00:00.000Z",
  correlationId: "019ad0a5-0000-7000-8000-000000000000",
  contentType: "application/json",
  headers: {},
});

/** A message as somebody would write it down. */
export interface HandRow {
  readonly topic: string;
  readonly key: string;
  readonly body: Uint8Array;
}

/** Writes rows of the library's table in one statement: with parameters for one, from arrays for several. */
export async function insertByHand(client: pg.ClientBase, rows: readonly HandRow[]): Promise<void> {
  const into = "insert into sluice_outbox (topic, partition, key, id, type, attributes, body)";
  const [first] = rows;
  if (rows.length === 1 && first !== undefined) {
    await client.query(
      `${into} values ($1, $2, $3, $4, $5, $6, $7)`,
      [first.topic, 7, first.key, crypto.randomUUID(), "noted", ATTRIBUTES, first.body],
    );
    return;
  }
  await client.query(
    `${into} select * from unnest(
      $1::text[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::json[], $7::bytea[])`,
    [
      rows.map(({ topic }) => topic),
      rows.map((_, n) => n % 16),
      rows.map(({ key }) => key),
      rows.map(() => crypto.randomUUID()),
      rows.map(() => "noted"),
      rows.map(() => ATTRIBUTES),
      rows.map(({ body }) => body),
    ],
  );
}

/** Fills the table in one statement. */
export async function fillByHand(
  client: pg.ClientBase,
  count: number,
  body: string,
): Promise<void> {
  await client.query(
    `insert into hand_outbox (topic, key, message_id, type, attributes, body)
     select 'notes', 'key ' || n % 100, gen_random_uuid()::text, 'noted', $3, convert_to($2, 'UTF8')
     from generate_series(1, $1) n`,
    [count, body, ATTRIBUTES],
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
      `select id, topic, key, message_id, type, attributes, body from hand_outbox
       order by id limit $1 for update skip locked`,
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
      `select id, topic, key, message_id, type, attributes, body from hand_outbox where status in (0, 1)
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
