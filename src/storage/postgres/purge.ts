import { purgeAgeMsOf, purgeLimitOf, type PurgeOptions } from "../mod.ts";
import type { PostgresQuery } from "./client.ts";
import type { PostgresNames } from "./names.ts";

/** The greatest age that leaves the database a time that it knows: about 3,000 years. */
export const MAX_AGE_MS = 1e14;

/** Deletes messages that were kept after they had been published, the oldest first. */
export async function purgePublished(
  query: PostgresQuery,
  { table }: PostgresNames,
  options: PurgeOptions,
): Promise<number> {
  const ageMs = Math.min(purgeAgeMsOf(options), MAX_AGE_MS);
  const limit = purgeLimitOf(options);
  const published = table("outbox_published");
  const [row] = await query(
    `with old as materialized (
  select published_at, position from ${published}
  where published_at <= statement_timestamp() - $1::text::double precision * interval '1 millisecond'
  order by published_at, position limit $2::text::bigint for update skip locked),
gone as (
  delete from ${published} p using old
  where p.published_at = old.published_at and p.position = old.position returning 1)
select count(*)::integer as count from gone`,
    [String(ageMs), String(limit)],
  );
  return Number(row?.count);
}
