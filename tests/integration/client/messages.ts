/**
 * The messages that the claims send and the server handles.
 *
 * @module
 */

import { command, query, streamRequest, type } from "../../../mod.ts";

/** Counts to a number; what a URL says is a text. */
export const Count = streamRequest("count", type<{ name: string; to: number | string }>())
  .yields<{ number: number; text: string }>();

/** Yields its name, and then waits until it is cancelled. */
export const Wait = streamRequest("wait", type<{ name: string }>()).yields<string>();

/** Yields its name, and then fails. */
export const Fail = streamRequest("fail", type<{ name: string }>()).yields<string>();

/** Tells how often streams of a name were started. */
export const ReadStarts = query("starts", type<{ name: string }>()).returns<number>();

/** Waits for the end of a stream of a name, some seconds at the most, and tells how it ended. */
export const ReadEnd = query("end", type<{ name: string }>()).returns<"aborted" | "running">();

/** Gives its data back. */
export const Rename = command("rename", type<{ id: string; name: string }>())
  .returns<{ id: string; name: string }>();

/** Has no result. */
export const Forget = command("forget", type<{ id: string }>());

/** The items of {@linkcode Count}. */
export function itemsTo(to: number): { number: number; text: string }[] {
  return Array.from({ length: to }, (_, index) => itemOf(index + 1));
}

/** An item of {@linkcode Count}, with characters of one to four bytes. */
export function itemOf(number: number): { number: number; text: string } {
  return { number, text: `a\u00e4\u20ac\u{1f30d}\n${number}` };
}
