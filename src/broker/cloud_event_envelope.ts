import type { Envelope } from "../message/mod.ts";
import type { CloudEvent } from "./structured_event.ts";
import type { WireContext } from "./wire_format.ts";

/** The version of CloudEvents. */
export const SPEC_VERSION = "1.0";

/** The optional attributes that have a field of their own in an envelope. */
export const OPTIONAL: readonly (readonly [
  string,
  "key" | "correlationId" | "causationId" | "traceparent" | "schemaVersion",
])[] = [
  ["partitionkey", "key"],
  ["correlationid", "correlationId"],
  ["causationid", "causationId"],
  ["traceparent", "traceparent"],
  ["schemaversion", "schemaVersion"],
];

/** All that an envelope has a field for. */
export const RESERVED: ReadonlySet<string> = /* @__PURE__ */ new Set(
  /* @__PURE__ */ ["specversion", "id", "source", "type", "time", "datacontenttype"].concat(
    /* @__PURE__ */ OPTIONAL.map(([name]) => name),
  ),
);

/**
 * The envelope of an event, with headers beside it.
 *
 * @throws {TypeError} If the version is another, a required attribute is missing or the time makes no sense.
 */
export function envelopeOf(
  { attributes, contentType = "application/octet-stream", body }: CloudEvent,
  { context, key, headers }: {
    readonly context: WireContext;
    readonly key: string | undefined;
    readonly headers: Readonly<Record<string, string>>;
  },
): Envelope {
  requireVersion(attributes.get("specversion"));
  const optional = (name: string) => attributes.get(name) || undefined;
  const id = required("id", attributes);
  return {
    id,
    type: required("type", attributes),
    topic: context.topic,
    source: required("source", attributes),
    time: timeOf(optional("time")) ?? context.time ?? new Date(0),
    key: optional("partitionkey") ?? key,
    correlationId: optional("correlationid") ?? id,
    causationId: optional("causationid"),
    traceparent: optional("traceparent"),
    schemaVersion: optional("schemaversion"),
    contentType,
    headers,
    body,
  };
}

function requireVersion(version: string | undefined): void {
  if (version === SPEC_VERSION) return;
  throw new TypeError(
    version === undefined
      ? "Cannot read a message without the attributes of CloudEvents"
      : `Cannot read a message of CloudEvents "${version}"`,
  );
}

function required(name: string, attributes: ReadonlyMap<string, string>): string {
  const value = attributes.get(name);
  if (!value) throw new TypeError(`Cannot read a message without the attribute "${name}"`);
  return value;
}

/** RFC 3339. Without an offset a date would mean another time on each machine. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const upper = text.toUpperCase();
  const time = new Date(TIME.test(upper) ? upper : NaN);
  if (Number.isNaN(time.getTime())) throw new TypeError(`Cannot read the time "${text}"`);
  return time;
}
