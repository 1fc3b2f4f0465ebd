import type { OutboxOutcome } from "../mod.ts";
import type { LogMessage } from "./log_feed.ts";
import type { MovedMessage } from "./log_statements.ts";

/** A message that leaves the log for a table, and why. */
export interface Move extends Pick<MovedMessage, "o" | "e" | "m" | "q"> {
  readonly message: LogMessage;
}

/** A move, and where it leads to. */
export interface PlacedMove extends Move {
  /** The place of the message in its lane. */
  readonly place: bigint;
}

/** The longest delay that leaves the database a time that it knows: about 30 years. */
const MAX_DELAY_MS = 1e12;

/** Where a message goes that was given; nowhere if it is done, or stays in the log. */
export function moveOf(message: LogMessage, outcome: OutboxOutcome): Move | undefined {
  switch (outcome.outcome) {
    case "failed": {
      const { error: e, retryAfterMs } = outcome;
      return { message, o: "f", e, m: Math.min(Math.max(0, retryAfterMs), MAX_DELAY_MS) };
    }
    case "dead": {
      const q = message.envelope.key !== undefined && !outcome.continues;
      return { message, o: "d", e: outcome.error, q };
    }
    case "held":
      return { message, o: "h" };
    default:
      return undefined;
  }
}

/** Where a message goes that nobody can make sense of: it parks nothing, as nobody knows its lane. */
export function burialOf(message: LogMessage): Move {
  const { error } = message;
  const e = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { message, o: "d", e, q: false };
}

/** Whether nothing of its lane may be given until what was moved is published, or somebody acts. */
export function blocksLane({ o, q }: Move): boolean {
  return o !== "d" || q === true;
}
