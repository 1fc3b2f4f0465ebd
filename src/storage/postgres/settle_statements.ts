import type { PostgresNames } from "./names.ts";
import { queuePages } from "./session_statements.ts";

/**
 * The texts of the statements that move rows. Each is guarded by the row of the session in
 * `outbox_relay`, which it locks: whoever ends the session deletes that row and so waits for what is
 * under way, and what comes later finds no row and does nothing.
 *
 * Whoever puts a row into `outbox_waiting`, or takes a dead letter away, counts a change of its lane.
 * So does whoever blocks a lane. A statement that is to delete a lane, or to park it, as it has found
 * nothing in it, waits for those who are at it, and then sees that the lane has changed: its own view
 * of the other tables is from before.
 */
export interface SettleStatements {
  /** Deletes published rows of the queue: owner, topics, partitions, arrays of positions. */
  readonly published: string;
  /** Does with rows whatever has become of them: owner, JSON of {@linkcode SettledRow}s. */
  readonly settle: string;
  /**
   * Moves rows of the queue to the others of their blocked lanes: owner, JSON of {@linkcode SettledRow}s.
   * Gives how many, and how many lanes have something to read by that which were parked.
   */
  readonly park: string;
  /** Ends lanes in which nothing waits, or parks them if dead letters do: topics, lanes. */
  readonly sweep: string;
}

/** A row and what has become of it, as it stands in a parameter. The names are short as they are many. */
export interface SettledRow {
  /** Topic. */
  readonly t: string;
  /** Partition. */
  readonly p: number;
  /** Position. */
  readonly n: string;
  /** Lane. */
  readonly l: string;
  /** Whether it is in `outbox_waiting`. */
  readonly w: boolean;
  /** Published, failed, dead, held. */
  readonly o: "p" | "f" | "d" | "h";
  /** The error. */
  readonly e?: string;
  /** In how many milliseconds the lane is due. */
  readonly m?: number;
  /** Whether it parks its lane. */
  readonly k?: boolean;
  /** How often it was tried. */
  readonly a?: number;
}

/** Makes the texts for tables of these names. */
export function settleStatements(
  names: PostgresNames,
  { keepPublished }: { readonly keepPublished: boolean },
): SettleStatements {
  return {
    published: published(names, keepPublished),
    settle: settle(names, keepPublished),
    park: park(names),
    sweep: sweep(names),
  };
}

/** The row of the session, locked against those who would end it. */
const me = ({ table }: PostgresNames) =>
  `me as materialized (
  select least(extract(epoch from until - clock_timestamp()) * 1000, 2e9)::integer as left_ms
  from ${table("outbox_relay")}
  where owner = $1::text and until > clock_timestamp() for key share)`;

/**
 * How long the session has left, a number that changes with the sessions that there are, how large the
 * queue is, and the number of the transaction; nothing if the session has lost what it held.
 */
const result = (names: PostgresNames) =>
  `select left_ms as state, pg_current_xact_id()::text as xid,
  (select sum(hashtext(owner))::text from ${names.table("outbox_relay")}) as id,
  ${queuePages(names)} as key
from me`;

const MAX_BIGINT = "9223372036854775807";

/** What a row keeps wherever it goes. */
const MESSAGE = "key, id, type, attributes, body, body_text, stored_at";

const ROWS = `as r(t text, p smallint, n bigint, l text, w boolean, o text, e text,
    m double precision, k boolean, a integer)`;

function published(names: PostgresNames, keepPublished: boolean): string {
  const { table } = names;
  const columns = `topic, partition, position, ${MESSAGE}`;
  return `with ${me(names)},
gone as (
  delete from ${table("outbox")} o
  using unnest($2::text::text[], $3::text::smallint[], $4::text::text[]) as g(t, p, positions)
  where exists (select from me)
    and o.topic = g.t and o.partition = g.p and o.position = any (g.positions::bigint[])
  ${keepPublished ? `returning o.*` : ""})${
    keepPublished
      ? `,
kept as (
  insert into ${table("outbox_published")} (${columns}, published_at)
  select ${columns}, statement_timestamp() from gone)`
      : ""
  }
${result(names)}`;
}

function settle(names: PostgresNames, keepPublished: boolean): string {
  const { table } = names;
  const queue = table("outbox");
  const waiting = table("outbox_waiting");
  const moved = MESSAGE.replaceAll(/\w+/g, "x.$&");
  return `with ${me(names)},
r as materialized (
  select * from json_to_recordset($2::text::json) ${ROWS} where exists (select from me)),
blocked as (${block(names)}),
gone as (
  delete from ${queue} x using r
  where not r.w and x.topic = r.t and x.partition = r.p and x.position = r.n
  returning x.topic, x.partition, x.position, ${moved}, r.l, r.o, r.e, r.k, r.a),
drained as (
  delete from ${waiting} x using r
  where r.w and r.o in ('p', 'd') and x.topic = r.t and x.lane = r.l and x.position = r.n
  returning x.topic, x.partition, x.position, ${moved}, r.l, r.o, r.e, r.k, r.a),
again as (
  update ${waiting} x set attempts = x.attempts + 1 from r
  where r.w and r.o = 'f' and x.topic = r.t and x.lane = r.l and x.position = r.n),
moved as (
  insert into ${waiting} (topic, lane, position, partition, attempts, ${MESSAGE})
  select topic, l, position, partition, (o = 'f')::integer, ${MESSAGE}
  from gone where o in ('f', 'h')),
left_over as (select * from gone union all select * from drained),
buried as (
  insert into ${table("outbox_dead")}
    (topic, lane, position, partition, attempts, error, parks, died_at, ${MESSAGE})
  select topic, l, position, partition, a, e, k, statement_timestamp(), ${MESSAGE}
  from left_over where o = 'd')${
    keepPublished
      ? `,
kept as (
  insert into ${table("outbox_published")} (topic, partition, position, published_at, ${MESSAGE})
  select topic, partition, position, statement_timestamp(), ${MESSAGE}
  from left_over where o = 'p')`
      : ""
  }
${result(names)}`;
}

/**
 * The lanes of rows that were not published: when they are due. A row that is only held back does not
 * change that, unless they are parked, as it may stand before the dead letter that parks them. A dead
 * letter parks what stands behind it; what stands before it may go on at once.
 */
function block({ table }: PostgresNames): string {
  return `
  insert into ${table("outbox_lane")} as l (topic, lane, partition, retry_at, error)
  select distinct on (t, l) t, l, p,
    clock_timestamp() + coalesce(m, 0) * interval '1 millisecond', case o when 'h' then null else e end
  from r where o in ('f', 'h') or (o = 'd' and k)
  order by t, l, o = 'h', n
  on conflict (topic, lane) do update set
    retry_at = case when excluded.error is null
      then coalesce(l.retry_at, excluded.retry_at) else excluded.retry_at end,
    error = coalesce(excluded.error, l.error),
    changes = l.changes + 1`;
}

function park(names: PostgresNames): string {
  const { table } = names;
  return `with ${me(names)},
r as materialized (
  select * from json_to_recordset($2::text::json) ${ROWS} where exists (select from me)),
locked as materialized (
  select l.topic, l.lane, l.retry_at is null and b.first < coalesce((
      select min(d.position) from ${table("outbox_dead")} d
      where d.topic = l.topic and d.lane = l.lane and d.parks), ${MAX_BIGINT}) as is_woken
  from ${table("outbox_lane")} l
    join (select t, r.l, min(n) as first from r group by t, r.l) b on l.topic = b.t and l.lane = b.l
  order by l.topic, l.lane for no key update of l),
lanes as (
  update ${table("outbox_lane")} l set changes = l.changes + 1,
    retry_at = case when is_woken then clock_timestamp() else l.retry_at end
  from locked where l.topic = locked.topic and l.lane = locked.lane
  returning l.topic, l.lane),
gone as (
  delete from ${table("outbox")} o using r, lanes
  where o.topic = r.t and o.partition = r.p and o.position = r.n
    and lanes.topic = r.t and lanes.lane = r.l
  returning o.*, r.l),
moved as (
  insert into ${table("outbox_waiting")} (topic, lane, position, partition, attempts, ${MESSAGE})
  select topic, l, position, partition, 0, ${MESSAGE} from gone returning 1)
select (select count(*) from moved)::integer as count,
  (select count(*) from locked where is_woken)::integer as woken
from me`;
}

function sweep({ table }: PostgresNames): string {
  const lane = table("outbox_lane");
  const parks = `select min(d.position) from ${table("outbox_dead")} d
    where d.topic = l.topic and d.lane = l.lane and d.parks`;
  return `with idle as materialized (
  select l.topic, l.lane, l.changes, p.position is not null as is_parked
  from unnest($1::text::text[], $2::text::text[]) as u(t, n)
    join ${lane} l on l.topic = u.t and l.lane = u.n
    cross join lateral (${parks}) as p(position)
  where l.retry_at is not null and not exists (
    select from ${table("outbox_waiting")} w where w.topic = l.topic and w.lane = l.lane
      and w.position < coalesce(p.position, ${MAX_BIGINT}))),
parked as (
  update ${lane} l set retry_at = null, changes = l.changes + 1 from idle i
  where i.is_parked and l.topic = i.topic and l.lane = i.lane and l.changes = i.changes)
delete from ${lane} l using idle i
where not i.is_parked and l.topic = i.topic and l.lane = i.lane and l.changes = i.changes`;
}
