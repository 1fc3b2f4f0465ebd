import type { MessageMetadata } from "../message/mod.ts";

/** What is kept of the metadata of the message that starts a saga. */
export function metadataText(metadata: MessageMetadata): string {
  const { time, key, correlationId, causationId, traceparent, headers } = metadata;
  return JSON.stringify({ time, key, correlationId, causationId, traceparent, headers });
}

/** The metadata of a saga from what is kept of it. */
export function metadataIn(text: string, id: string): MessageMetadata {
  const kept = JSON.parse(text) as Partial<MessageMetadata>;
  return {
    ...kept,
    id,
    time: new Date(kept.time ?? 0),
    correlationId: kept.correlationId ?? id,
    headers: kept.headers ?? {},
  };
}
