import type { OutboxSessionOptions } from "../mod.ts";
import type { PostgresLogAccess, PostgresLogSession } from "../postgres/mod.ts";
import { LogFeed, type LogFeedOptions } from "./log_feed.ts";
import { LogHold } from "./log_hold.ts";
import { LogMessages } from "./log_messages.ts";
import type { LogStore } from "./log_store.ts";
import type { SlotState } from "./slot.ts";

/** What {@linkcode claimSlot} needs. */
export interface ClaimOptions {
  readonly access: PostgresLogAccess;
  readonly store: LogStore;
  /** How the session of the tables is opened. */
  readonly session: OutboxSessionOptions;
  readonly pollMs: number;
  readonly now: () => number;
  readonly onChange: LogFeedOptions["onChange"];
}

/** How many messages, and bytes of bodies, are kept until they are read. */
const MAX_MESSAGES = 2_000;
const MAX_BYTES = 16_777_216;
/** The most that statements say to be left: what fits into an integer. */
const MAX_LEFT_MS = 2e9;

/** Takes a slot; resolves to nothing if another has been faster. */
export async function claimSlot(
  options: ClaimOptions,
  slot: SlotState,
): Promise<LogHold | undefined> {
  const session = options.access.open(options.session);
  let hold: LogHold | undefined;
  try {
    hold = await claimFor(session, options, slot);
  } finally {
    // Whoever stands there without taking anything would keep a share from the others.
    if (hold === undefined) await session[Symbol.asyncDispose]();
  }
  return hold;
}

async function claimFor(
  session: PostgresLogSession,
  { access, store, pollMs, now, onChange, session: { topics, leaseMs } }: ClaimOptions,
  slot: SlotState,
): Promise<LogHold | undefined> {
  const owner = await session.register();
  const notes = await store.claim(owner, slot.owner);
  if (notes === undefined) return undefined;
  const blocked = await store.blockedLanes();
  const limits = { maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES };
  const feed = new LogFeed({ ...limits, access, onChange }, slot.confirmed ?? 0n, notes);
  const onLease = async (leftMs: number) => {
    if (leftMs < Math.min(leaseMs, MAX_LEFT_MS) / 2) await session.keep();
  };
  const messages = new LogMessages({
    feed,
    store,
    owner,
    topics,
    blocked,
    onLease,
  });
  return new LogHold({ owner, session, feed, messages, pollMs, now });
}
