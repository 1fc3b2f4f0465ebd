import type {
  MessageMetadata,
  MetadataInit,
  Notification,
  NotificationDefinition,
} from "../message/mod.ts";
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

/** A definition of notifications. */
export function definitionOf(
  type: string,
  { topic = TOPIC, wireType = type }: Traits = {},
): NotificationDefinition<string, never> {
  const make = (data: never, metadata: MetadataInit = {}): Notification<string, never> => ({
    kind: "notification",
    type,
    topic,
    wireType,
    data,
    metadata: { id: "n1", time: new Date(0), headers: {}, ...metadata },
  });
  return Object.assign(make, {
    kind: "notification" as const,
    type,
    topic,
    wireType,
    schema: undefined,
    answerSchema: undefined,
    schemaVersion: undefined,
    codec: undefined,
    parse: (data: unknown, metadata?: MetadataInit) =>
      Promise.resolve(make(data as never, metadata)),
  });
}
