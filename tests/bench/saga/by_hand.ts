/**
 * A saga of three steps by hand: one statement for its start and one for each step, which updates its state
 * and inserts a row of its log in one round trip. The least that keeps what a saga needs to be gone on with.
 *
 * @module
 */

import type { Pool } from "pg";

const START = `insert into hand_saga (id, name, status, context, revision, updated_at)
values ($1, 'order', 'running', $2::json, 1, clock_timestamp())`;

const STEP = `with s as (
  update hand_saga set status = $3, context = $4::json, revision = revision + 1,
    updated_at = clock_timestamp()
  where id = $1 and revision = $2::integer returning id)
insert into hand_log (saga, number, step, status, result, at)
select id, $2::integer, $5, 'completed', $6::json, clock_timestamp() from s returning number`;

/** Makes the tables. */
export async function prepareByHand(pool: Pool): Promise<void> {
  await pool.query(`create table hand_saga (
    id text primary key, name text not null, status text not null, context json not null,
    revision integer not null, updated_at timestamptz not null) with (fillfactor = 70)`);
  await pool.query(`create table hand_log (
    saga text not null, number integer not null, step text not null, status text not null,
    result json, at timestamptz not null, primary key (saga, number))`);
}

/** What a step does: nothing but to give a value, as only the rest is measured. */
export type HandStep = (context: Readonly<Record<string, unknown>>) => object;

/** Runs one. */
export async function runByHand(
  pool: Pool,
  steps: Readonly<Record<string, HandStep>>,
  start: Readonly<Record<string, unknown>>,
): Promise<void> {
  const id = crypto.randomUUID();
  let context = start;
  let revision = 1;
  await pool.query({ name: "start", text: START, values: [id, JSON.stringify(context)] });
  const names = Object.keys(steps);
  for (const [name, step] of Object.entries(steps)) {
    const result = await step(context);
    context = { ...context, ...result };
    const status = name === names.at(-1) ? "completed" : "running";
    const values = [
      id,
      String(revision),
      status,
      JSON.stringify(context),
      name,
      JSON.stringify(result),
    ];
    const { rowCount } = await pool.query({ name: "step", text: STEP, values });
    if (rowCount !== 1) throw new Error("Somebody else has the saga");
    revision++;
  }
}
