import type { DenoKvEntry } from "./deno_kv.ts";
import type { Keys, Pair, Ticket } from "./keys.ts";

/** What is found in the queue. */
export type QueueEntry =
  | { readonly type: "row"; readonly pair: Pair }
  | { readonly type: "ticket"; readonly pair: Pair; readonly ticket: Ticket };

/** Reads an entry of the queue; `undefined` if its key is none of ours. */
export function queueEntryOf({ depth }: Keys, entry: DenoKvEntry): QueueEntry | undefined {
  const topic = entry.key[depth];
  const partition = entry.key[depth + 1];
  if (typeof topic !== "string" || typeof partition !== "string") return undefined;
  const pair = { topic, partition };
  const [what, lane, id] = entry.key.slice(depth + 2);
  if (typeof what === "string" && lane === undefined) return { type: "row", pair };
  const isTicket = typeof what === "number" && typeof lane === "string" && typeof id === "string";
  return isTicket ? { type: "ticket", pair, ticket: { dueMs: what, lane, id } } : undefined;
}
