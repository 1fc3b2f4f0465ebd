/** What the tests share that break a run off and resume it. */

import type { Respond } from "./raw_server.ts";
import { END_OF_HEAD, eventsOf, eventsSeenBy, RESUMABLE_HEAD, STREAM_HEAD } from "./support.ts";

/** The items of a run that is broken off in these tests. */
export const items = ["one", "two", "three"];

/** Its events. */
export const events = eventsOf(items);

/** Starts a run and breaks off after `eventCount` events; GET is answered by `resume`. */
export function brokenOff(eventCount: number, resume: Respond): Respond {
  return async (request, connection) => {
    if (request.method !== "POST") return resume(request, connection);
    await connection.write(RESUMABLE_HEAD + events.slice(0, eventCount).join(""));
  };
}

/** Gives the rest of the run. */
export const giveRest: Respond = (request, connection) =>
  connection.write(
    STREAM_HEAD + END_OF_HEAD + events.slice(eventsSeenBy(request)).join(""),
  );

/** Answers the first requests as `first` says, and gives the rest of the run then. */
export function after(...first: readonly Respond[]): Respond {
  const left = [...first];
  return (request, connection) => (left.shift() ?? giveRest)(request, connection);
}

/** Gives nothing. */
export const breakOff: Respond = () => {};
