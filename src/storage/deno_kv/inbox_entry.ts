import { type InboxName, type Keys, keyText } from "./keys.ts";
import type { Write } from "./writes.ts";

/** What is known of a message of a consumer. */
export interface InboxMessage {
  readonly kind: "message";
  readonly atMs: number;
  readonly starts: number;
  readonly isDone: boolean;
}

/** What is known of a key that was claimed. */
export interface InboxClaimEntry {
  readonly kind: "claim";
  readonly atMs: number;
  readonly owner: string;
  readonly fingerprint: string;
  readonly untilMs: number;
  /** `null` until it is done. */
  readonly answer: Uint8Array | null;
}

/** What an inbox stores under a name. */
export type InboxEntry = InboxMessage | InboxClaimEntry;

const VERSION = 1;

/** The name of a message of a consumer, or of a key of a scope. */
export async function inboxName(
  kind: InboxName["kind"],
  scope: string,
  name: string,
): Promise<InboxName> {
  return { kind, scope: await keyText(scope), name: await keyText(name) };
}

/** What is written so that `next` takes the place of what was there; without it, nothing does. */
export function replacing(
  keys: Keys,
  name: InboxName,
  { before, next }: { readonly before: InboxEntry | undefined; readonly next?: InboxEntry },
): Write[] {
  const writes: Write[] = [];
  if (before !== undefined && before.atMs !== next?.atMs) {
    writes.push({ key: keys.inboxAge(before.atMs, name) });
  }
  if (next === undefined) return [...writes, { key: keys.inboxEntry(name) }];
  const { kind: _, ...value } = next;
  return [
    ...writes,
    { key: keys.inboxEntry(name), value: { version: VERSION, ...value } },
    { key: keys.inboxAge(next.atMs, name), value: 0 },
  ];
}

/** Reads what is known of a message. What makes no sense is as good as nothing: it is handled again. */
export function messageOf(value: unknown): InboxMessage | undefined {
  const { version, atMs, starts, isDone } = Object(value);
  const isRight = version === VERSION && typeof atMs === "number" && typeof starts === "number" &&
    typeof isDone === "boolean";
  return isRight ? { kind: "message", atMs, starts, isDone } : undefined;
}

/** Reads what is known of a key; `undefined` if it makes no sense. */
export function claimOf(value: unknown): InboxClaimEntry | undefined {
  const { version, atMs, owner, fingerprint, untilMs, answer } = Object(value);
  const isRight = version === VERSION && typeof atMs === "number" && typeof owner === "string" &&
    typeof fingerprint === "string" && typeof untilMs === "number" &&
    (answer === null || answer instanceof Uint8Array);
  return isRight ? { kind: "claim", atMs, owner, fingerprint, untilMs, answer } : undefined;
}

/** When what is stored was changed last; `undefined` if it makes no sense. */
export function changedAtMsOf(value: unknown): number | undefined {
  return (messageOf(value) ?? claimOf(value))?.atMs;
}
