import type { MessageMetadata } from "../message/mod.ts";
import { SagaIncompatibleError } from "./saga_errors.ts";

/**
 * Reads JSON that was stored with a saga.
 *
 * @throws {SagaIncompatibleError} If it is none, as somebody has written to the storage.
 */
export function storedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SagaIncompatibleError("what is stored of it is no JSON", { cause });
  }
}

/** What is kept of the metadata of the message that starts a saga. */
export function metadataText(metadata: MessageMetadata): string {
  const { time, key, id, causationId, traceparent, headers } = metadata;
  const correlationId = metadata.correlationId === id ? undefined : metadata.correlationId;
  const atMs = time.getTime();
  return JSON.stringify({ atMs, key, correlationId, causationId, traceparent, headers });
}

type Kept = Partial<MessageMetadata> & { readonly atMs?: number };

/**
 * The metadata of a saga from what is kept of it.
 *
 * @throws {SagaIncompatibleError} If that is no JSON.
 */
export function metadataIn(text: string, id: string): MessageMetadata {
  const { atMs, ...kept } = storedJson(text) as Kept;
  return {
    ...kept,
    id,
    time: new Date(atMs ?? 0),
    correlationId: kept.correlationId ?? id,
    headers: kept.headers ?? {},
  };
}
