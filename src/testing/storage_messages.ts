import type { MessageMetadata, Notification } from "../message/mod.ts";
import type { KnownNotification } from "../storage/mod.ts";
import { TOPIC } from "./storage_steps.ts";

type Traits = Partial<
  Pick<Notification, "type" | "topic" | "wireType" | "schemaVersion" | "codec">
>;

/** A notification that says `data`, as a definition would make it. */
export function notificationOf(
  data: unknown,
  { metadata, type = "noted", topic = TOPIC, wireType = type, ...traits }:
    & Traits
    & { readonly metadata?: Partial<MessageMetadata> } = {},
): Notification {
  const all = { id: "n1", time: new Date("2026-01-02T03:04:05.678Z"), headers: {}, ...metadata };
  return { kind: "notification", type, topic, wireType, data, metadata: all, ...traits };
}

/** What a storage knows of a definition of notifications. */
export function definitionOf(
  type: string,
  { topic = TOPIC, wireType = type }: Traits = {},
): KnownNotification {
  return { kind: "notification", type, topic, wireType };
}
