import type { PostgresLogAccess } from "../postgres/mod.ts";

/**
 * The texts of the statements of whoever reads a slot. Each that writes is guarded by the row of the
 * session in `outbox_relay`, as all statements of sessions are, and by that of the slot in `outbox_log`,
 * which it locks: whoever takes the slot over waits for what is under way, and what comes later does
 * nothing. A server that was killed may give messages once more that are in tables already, as it knows
 * up to where all was done only from time to time: those stay as they are.
 */
export interface LogStatements {
  /**
   * Takes a slot over, and ends the session that had it: slot, owner, former owner. Gives back what is
   * noted of it; nothing if another has been faster.
   */
  readonly claim: string;
  /** All lanes that are blocked. */
  readonly lanes: string;
  /** How long the session has left: owner, slot. */
  readonly guard: string;
  /**
   * Writes down what became of messages that were not published: owner, slot, JSON of the positions of
   * all that are not to come again, JSON of {@linkcode MovedMessage}s.
   */
  readonly move: string;
  /** Puts messages behind those of their lanes that are blocked, and tells which were: as `move`. */
  readonly divert: string;
  /** Notes the positions of all that are not to come again: owner, slot, JSON of the positions. */
  readonly note: string;
  /** Confirms a place, if nobody reads: slot, place. */
  readonly advance: string;
}

/** A message and what has become of it, as it stands in a parameter. */
export interface MovedMessage {
  /** Its place in its lane. */
  readonly c: string;
  /** Topic. */
  readonly t: string;
  /** Partition. */
  readonly p: number;
  /** Key. */
  readonly k: string | undefined;
  /** Id. */
  readonly i: string;
  /** Type. */
  readonly y: string;
  /** Attributes, as JSON. */
  readonly a: string;
  /** Body, in base 64. */
  readonly b: string;
  /** When its transaction was committed. */
  readonly s: string;
  /** Failed, dead, held. */
  readonly o: "f" | "d" | "h";
  /** The error. */
  readonly e?: string;
  /** In how many milliseconds the lane is due. */
  readonly m?: number;
  /** Whether it parks its lane. */
  readonly q?: boolean;
  /** Its position in the log. */
  readonly n: string;
}

/** Makes the texts for the tables of a storage. */
export function logStatements(access: PostgresLogAccess): LogStatements {
  const { table } = access;
  const log = table("outbox_log");
  const relay = table("outbox_relay");
  return {
    claim: `with mine as (
  insert into ${log} as l (slot, owner) values ($1::text, $2::text)
  on conflict (slot) do update set owner = excluded.owner
  where l.owner is not distinct from $3::text
  returning settled, base),
gone as (delete from ${relay} where owner = $3::text and exists (select from mine))
select array_to_json(settled)::text as settled, base::text as base from mine`,
    lanes: `select topic, lane from ${table("outbox_lane")} where lane like '=%'`,
    guard: `select ${LEFT_MS} as state from ${relay} r join ${log} l on l.owner = r.owner
where r.owner = $1::text and l.slot = $2::text and r.until > clock_timestamp()`,
    move: move(access),
    divert: divert(access),
    note: `update ${log} set settled = ${SETTLED} where owner = $1::text and slot = $2::text
returning 1 as is_noted`,
    advance: `select pg_replication_slot_advance(slot_name, $2::text::pg_lsn)::text as place
from pg_replication_slots
where slot_name = $1::text and not active and confirmed_flush_lsn < $2::text::pg_lsn`,
  };
}

/** The positions of all that is not to come again, of a parameter in JSON. */
const SETTLED = "array(select json_array_elements_text($3::text::json))";

const LEFT_MS = "least(extract(epoch from r.until - clock_timestamp()) * 1000, 2e9)::integer";

/** The session, if it lives and has the slot, both locked; and the messages, only if it does. */
function guarded({ table }: PostgresLogAccess): string {
  return `me as materialized (
  select ${LEFT_MS} as left_ms from ${table("outbox_relay")} r
  where r.owner = $1::text and r.until > clock_timestamp() for key share),
mine as materialized (
  select from ${table("outbox_log")} l, me
  where l.slot = $2::text and l.owner = $1::text for update of l),
given as materialized (
  select * from json_to_recordset($4::text::json) as r(c bigint, t text, p smallint, k text, i text, y text, a text,
    b text, s text, o text, e text, m double precision, q boolean, n text)
  where exists (select from mine))`;
}

/** Messages with what the tables say of them. Without a key, each is a lane by itself. */
function placed(access: PostgresLogAccess, from: string): string {
  return `r as materialized (
  select g.*, coalesce('=' || k, '#' || c) as l, a::json as attributes,
    decode(b, 'base64') as body, s::timestamptz as stored_at from (${from}) g),
raised as (
  select setval(sequence, place) from (
    select ${sequenceOf(access)} as sequence, (select max(c) from r) as place) s
  where place > coalesce(pg_sequence_last_value(sequence), 0))`;
}

/** The places of rows of the table, which begin behind those of messages that have come into tables. */
function sequenceOf({ table }: PostgresLogAccess): string {
  const name = table("outbox").replaceAll("'", "''");
  return `pg_get_serial_sequence('${name}', 'position')::regclass`;
}

const MESSAGE = "key, id, type, attributes, body, stored_at";
const VALUES = "k, i, y, attributes, body, stored_at";

function move(access: PostgresLogAccess): string {
  const { table } = access;
  return `with ${guarded(access)},
noted as (
  update ${table("outbox_log")} set settled = ${SETTLED}
  where slot = $2::text and exists (select from mine)),
${placed(access, "select * from given")},
blocked as (
  insert into ${table("outbox_lane")} as l (topic, lane, partition, retry_at, error)
  select distinct on (t, l) t, l, p,
    clock_timestamp() + coalesce(m, 0) * interval '1 millisecond', case o when 'h' then null else e end
  from r where o in ('f', 'h') or (o = 'd' and q)
  order by t, l, o = 'h', c
  on conflict (topic, lane) do update set
    retry_at = case when excluded.error is null then coalesce(l.retry_at, excluded.retry_at)
      else excluded.retry_at end,
    error = coalesce(excluded.error, l.error),
    changes = l.changes + 1),
moved as (
  insert into ${table("outbox_waiting")} (topic, lane, position, partition, attempts, ${MESSAGE})
  select t, l, c, p, (o = 'f')::integer, ${VALUES} from r where o in ('f', 'h')
  on conflict do nothing),
buried as (
  insert into ${table("outbox_dead")}
    (topic, lane, position, partition, attempts, error, parks, died_at, ${MESSAGE})
  select t, l, c, p, 1, e, q, statement_timestamp(), ${VALUES} from r where o = 'd'
  on conflict do nothing)
select left_ms as state, (select count(*) from raised)::integer as raised
from me where exists (select from mine)`;
}

function divert(access: PostgresLogAccess): string {
  const { table } = access;
  const blocked = "select g.* from given g join lanes l on l.topic = g.t and l.lane = '=' || g.k";
  return `with ${guarded(access)},
lanes as (
  update ${table("outbox_lane")} l set changes = l.changes + 1,
    retry_at = case when g.c < (select min(d.position) from ${table("outbox_dead")} d
        where d.topic = l.topic and d.lane = l.lane and d.parks)
      then coalesce(l.retry_at, clock_timestamp()) else l.retry_at end
  from (select t, k, min(c) as c from given group by t, k) g
  where l.topic = g.t and l.lane = '=' || g.k
  returning l.topic, l.lane),
${placed(access, blocked)},
noted as (
  update ${table("outbox_log")}
  set settled = ${SETTLED} || array(select n from r)
  where slot = $2::text and exists (select from r)),
moved as (
  insert into ${table("outbox_waiting")} (topic, lane, position, partition, attempts, ${MESSAGE})
  select t, l, c, p, 0, ${VALUES} from r
  on conflict do nothing)
select (select array_to_json(array_agg(n)) from r)::text as moved,
  (select count(*) from raised)::integer as raised
from me where exists (select from mine)`;
}
