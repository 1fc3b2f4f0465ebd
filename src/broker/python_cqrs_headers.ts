import type { Envelope } from "../message/mod.ts";

/** What is said in headers, under its name there. */
type PythonAttribute = typeof NAMES[number];

const NAMES = [
  "event_name",
  "message_id",
  "event_timestamp",
  "source",
  "correlation_id",
  "causation_id",
  "traceparent",
  "schema_version",
] as const;

const KNOWN: ReadonlySet<string> = /* @__PURE__ */ new Set(NAMES);

/**
 * The headers of a message. Its name, id and time are among them only if the body does not say them.
 *
 * @throws {TypeError} If one of the application's own has the name of one of these.
 */
export function writePythonHeaders(
  envelope: Envelope,
  body: "json" | "bare",
): Record<string, string> {
  const { id, type, time, source, correlationId, causationId, traceparent, schemaVersion } =
    envelope;
  const attributes: Record<PythonAttribute, string | undefined> = {
    "event_name": body === "bare" ? type : undefined,
    "message_id": body === "bare" ? id : undefined,
    "event_timestamp": body === "bare" ? time.toISOString() : undefined,
    source,
    "correlation_id": correlationId === id ? undefined : correlationId,
    "causation_id": causationId,
    traceparent,
    "schema_version": schemaVersion,
  };
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) headers[name] = value;
  }
  for (const [name, value] of Object.entries(envelope.headers)) {
    if (KNOWN.has(name)) {
      throw new TypeError(`Cannot send the header "${name}" as the format has it`);
    }
    headers[name] = value;
  }
  return headers;
}

/** Takes the attributes out of the headers of a message. */
export function readPythonHeaders(
  all: Readonly<Record<string, string>>,
): {
  readonly attributes: Readonly<Partial<Record<PythonAttribute, string>>>;
  readonly headers: Readonly<Record<string, string>>;
} {
  const attributes: Record<string, string> = {};
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    (KNOWN.has(name) ? attributes : headers)[name] = value;
  }
  return { attributes, headers };
}
