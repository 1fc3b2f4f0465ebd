import type { PostgresLogAccess, PostgresRow } from "../postgres/mod.ts";
import { type Lsn, parseLsn } from "./lsn.ts";
import { SlotLostError } from "./slot_lost_error.ts";

/** What the server says about a slot. */
export interface SlotState {
  readonly isActive: boolean;
  /** The process of the server that reads through it. */
  readonly pid: string | undefined;
  /** Up to where it was confirmed; `undefined` while it is being made. */
  readonly confirmed: Lsn | undefined;
  readonly walStatus: string;
  /** How many bytes the log has behind what was confirmed. */
  readonly lagBytes: number;
  /** How many bytes of the log the server keeps for it. */
  readonly retainedBytes: number;
  /** How many bytes can be written until it may be lost; `undefined` if there is no limit. */
  readonly safeBytes: number | undefined;
  /** The session that reads through it, or was the last to do so. */
  readonly owner: string | undefined;
  /** Whether something was heard of that session in time. */
  readonly isOwnerAlive: boolean;
}

/**
 * Looks at a slot.
 *
 * @throws {SlotLostError} If it is of no use any more.
 * @throws {TypeError} If its name is taken by another database or another plugin.
 */
export async function lookAtSlot(access: PostgresLogAccess, slot: string): Promise<SlotState> {
  const [row] = await access.query(slotSql(access), [slot]);
  if (row === undefined) throw new SlotLostError(slot, "missing");
  if (row.is_ours !== true) {
    throw new TypeError(
      `Cannot read the log through the slot "${slot}" as it belongs to something else: choose another name`,
    );
  }
  const walStatus = String(row.wal_status);
  if (walStatus === "lost") throw new SlotLostError(slot, "invalidated");
  return {
    isActive: row.active === true,
    pid: textOf(row, "pid"),
    confirmed: typeof row.confirmed === "string" ? parseLsn(row.confirmed) : undefined,
    walStatus,
    lagBytes: Number(row.lag_bytes),
    retainedBytes: Number(row.retained_bytes),
    safeBytes: row.safe_bytes === null ? undefined : Number(row.safe_bytes),
    owner: textOf(row, "owner"),
    isOwnerAlive: row.is_alive === true,
  };
}

function textOf(row: PostgresRow, column: string): string | undefined {
  const value = row[column];
  return typeof value === "string" ? value : undefined;
}

function slotSql({ table }: PostgresLogAccess): string {
  return `select s.database = current_database() and s.plugin = 'pgoutput' as is_ours,
  s.active, s.active_pid::text as pid, coalesce(s.wal_status, 'reserved') as wal_status,
  s.confirmed_flush_lsn::text as confirmed,
  greatest(0, pg_current_wal_lsn() - coalesce(s.confirmed_flush_lsn, s.restart_lsn))::text as lag_bytes,
  greatest(0, pg_current_wal_lsn() - s.restart_lsn)::text as retained_bytes,
  s.safe_wal_size::text as safe_bytes,
  l.owner, coalesce(r.until > clock_timestamp(), false) as is_alive
from pg_replication_slots s
  left join ${table("outbox_log")} l on l.slot = s.slot_name::text
  left join ${table("outbox_relay")} r on r.owner = l.owner
where s.slot_name = $1::text`;
}
