import type { DenoKvEntry } from "./deno_kv.ts";
import { type Keys, type Pair, pairNamed, type Ticket } from "./keys.ts";

/** What is found in the queue. */
export type QueueEntry =
  | { readonly type: "row"; readonly pair: Pair }
  | { readonly type: "ticket"; readonly pair: Pair; readonly ticket: Ticket };

/** Reads an entry of the queue; `undefined` if its key is none of ours. */
export function queueEntryOf({ depth }: Keys, entry: DenoKvEntry): QueueEntry | undefined {
  const [name, what, lane, id] = entry.key.slice(depth);
  if (typeof name !== "string") return undefined;
  const pair = pairNamed(name);
  if (typeof what === "string" && lane === undefined) return { type: "row", pair };
  const isTicket = typeof what === "number" && typeof lane === "string" && typeof id === "string";
  return isTicket ? { type: "ticket", pair, ticket: { dueMs: what, lane, id } } : undefined;
}
