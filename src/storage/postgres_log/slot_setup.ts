import { type Clock, sleep } from "../../clock.ts";
import type { PostgresLogAccess } from "../postgres/mod.ts";
import { lookAtSlot } from "./slot.ts";
import { SlotLostError } from "./slot_lost_error.ts";

/** What a slot and its publication are made for. */
export interface SlotNames {
  readonly access: PostgresLogAccess;
  /** Both names consist of lower-case letters, digits and underscores, so they need no quotes. */
  readonly slot: string;
  readonly publication: string;
}

/** How long `drop` waits for a reader to let go, and how often it looks. */
const RELEASE_MS = 5_000;
const LOOK_MS = 50;

/**
 * Makes the publication and the slot, as far as they are missing.
 *
 * @throws {SlotLostError} If the slot was there once, or is of no use any more.
 * @throws {TypeError} If its name is taken by something else.
 */
export async function makeSlot({ access, slot, publication }: SlotNames): Promise<void> {
  const { query, table } = access;
  const log = table("outbox_log");
  // A slot tells nothing of what was written before it, and not even that there was something.
  await query(publicationSql(access, publication));
  const [state] = await query(
    `select exists (select from ${log} where slot = $1::text) as is_known,
  exists (select from pg_replication_slots where slot_name = $1::text) as is_there`,
    [slot],
  );
  if (state?.is_known === true && state.is_there !== true) throw new SlotLostError(slot, "missing");
  if (state?.is_there === true) {
    await lookAtSlot(access, slot);
  } else {
    const create = `perform pg_create_logical_replication_slot('${slot}', 'pgoutput')`;
    await query(unless("duplicate_object", create));
  }
  await query(noteSql(access), [slot]);
}

/** A server that was set up from a copy of another begins its log anew, so that places would begin anew too. */
function noteSql({ table }: PostgresLogAccess): string {
  const last = (name: string) => `(select max(position) from ${table(name)})`;
  return `insert into ${table("outbox_log")} (slot, base)
select $1::text, greatest(0, place - (pg_current_wal_lsn() - '0/0'::pg_lsn)) from (
  select greatest(${last("outbox_waiting")}, ${last("outbox_dead")}, 0) as place) p
on conflict do nothing`;
}

/** Removes the slot and its publication. */
export async function dropSlot(
  { access, slot, publication }: SlotNames,
  clock: Clock,
): Promise<void> {
  const { query, table } = access;
  for (let leftMs = RELEASE_MS; await isThere(access, slot); leftMs -= LOOK_MS) {
    const drop = `pg_drop_replication_slot('${slot}')`;
    if (leftMs <= 0) await query(`select ${drop}::text as is_done`); // which says why
    else await query(unless("object_in_use or undefined_object", `perform ${drop}`));
    if (await isThere(access, slot)) await sleep(clock, LOOK_MS);
  }
  await query(`drop publication if exists ${publication}`);
  await query(`delete from ${table("outbox_log")} where slot = $1::text`, [slot]);
}

async function isThere({ query }: PostgresLogAccess, slot: string): Promise<boolean> {
  const text = "select 1 as is_there from pg_replication_slots where slot_name = $1::text";
  return (await query(text, [slot])).length > 0;
}

/**
 * Whether there is a row is all that the log has to tell; before Postgres 15 it tells a row as a whole.
 * To ask first spares a role that may not make publications the error.
 */
function publicationSql({ table }: PostgresLogAccess, publication: string): string {
  const create = (columns: string) => {
    const sql = `create publication ${publication} for table ${table("outbox")}${columns}`;
    return `execute '${`${sql} with (publish = 'insert')`.replaceAll("'", "''")}'`;
  };
  return unless(
    "duplicate_object or unique_violation",
    `if exists (select from pg_publication where pubname = '${publication}') then null;
  elsif current_setting('server_version_num')::integer < 150000 then ${create("")};
  else ${create(" (partition)")};
  end if`,
  );
}

/** Does something, and nothing if it fails in a way: several processes may be at it. */
function unless(condition: string, statement: string): string {
  return `do $sluice$ begin
  ${statement};
exception when ${condition} then null;
end $sluice$`;
}
