import { SAGA_STATUSES, type SagaFilter, sagaListNumbersOf } from "../mod.ts";
import type { PostgresNames } from "./names.ts";
import { intervalText, Parameters } from "./saga_parameters.ts";
import { sagaColumns } from "./saga_rows.ts";
import { NOW } from "./saga_sql.ts";
import { type Statement, storable } from "./statement.ts";

/**
 * One statement that lists sagas. The index has them by what they are in, so it takes the first of
 * each, and the first of all of these.
 *
 * @throws {RangeError} If a number is out of its range.
 */
export function listStatement({ table }: PostgresNames, filter: SagaFilter): Statement {
  const { limit, minAgeMs } = sagaListNumbersOf(filter);
  const { name, status, isParked, after } = filter;
  const parameters = new Parameters();
  const last = `order by position limit ${parameters.add(String(limit))}::integer`;
  const conditions = [
    `position > ${parameters.add(placeOf(after))}::bigint`,
    `created_at <= ${NOW} - ${parameters.add(intervalText(minAgeMs))}::interval`,
  ];
  if (name !== undefined) conditions.push(`name = ${parameters.add(storable(name))}::text`);
  const wanted = status === undefined ? SAGA_STATUSES : [status].flat();
  const branches = SAGA_STATUSES.filter((each) => wanted.includes(each)).flatMap((each) =>
    [false, true].filter((flag) => isParked === undefined || flag === isParked).map((flag) =>
      `(select id, position from ${table("saga")}
  where is_parked = ${flag} and status = '${each}' and ${conditions.join(" and ")} ${last})`
    )
  );
  const none = "(select ''::text as id, 0::bigint as position where false)";
  return {
    text: `select ${sagaColumns("s")}, s.position::text as position
from ${table("saga")} s where s.id = any (array(
  select id from (${[none, ...branches].join("\nunion all\n")}) u ${last}))
order by s.position`,
    parameters: parameters.values,
  };
}

/** A position that is none is that of nothing. */
function placeOf(after: string | undefined): string {
  return after !== undefined && /^\d{1,18}$/.test(after) ? after : "0";
}
