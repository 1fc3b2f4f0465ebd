import type { Envelope } from "../../message/mod.ts";
import { bodyOf } from "./body_columns.ts";
import type { PostgresRow } from "./client.ts";

/** The attributes of an envelope that have no column of their own, as they stand in the column `attributes`. */
interface Attributes {
  readonly source: string;
  /** In milliseconds since the Unix epoch: that is read faster than a text. */
  readonly time: number;
  /** Left out if it is the id, as it is for whatever begins a conversation. */
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly schemaVersion?: string | undefined;
  readonly contentType: string;
  /** Left out if there are none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The column `attributes` of an envelope. */
export function attributesOf(envelope: Envelope): Attributes {
  const { id, source, time, correlationId, headers } = envelope;
  const { causationId, traceparent, schemaVersion, contentType } = envelope;
  return {
    source,
    time: time.getTime(),
    correlationId: correlationId === id ? undefined : correlationId,
    causationId,
    traceparent,
    schemaVersion,
    contentType,
    headers: Object.keys(headers).length === 0 ? undefined : headers,
  };
}

/**
 * The envelope of a row with the columns `key`, `id`, `type`, `attributes` and those of a body.
 *
 * @throws {TypeError} If the attributes are none, as something else has written them.
 */
export function envelopeOf(topic: string, row: PostgresRow): Envelope {
  const attributes = parsed(row.attributes);
  const id = String(row.id);
  return {
    id,
    type: String(row.type),
    topic,
    source: text(attributes, "source"),
    time: timeOf(attributes),
    key: typeof row.key === "string" ? row.key : undefined,
    correlationId: optionalText(attributes, "correlationId") ?? id,
    causationId: optionalText(attributes, "causationId"),
    traceparent: optionalText(attributes, "traceparent"),
    schemaVersion: optionalText(attributes, "schemaVersion"),
    contentType: text(attributes, "contentType"),
    headers: headersOf(attributes),
    body: bodyOf(row),
  };
}

/** The envelope of a row as far as it can be told, for those who look at a row that is broken. */
export function brokenEnvelopeOf(topic: string, row: PostgresRow): Envelope {
  const id = String(row.id);
  return {
    id,
    type: String(row.type),
    topic,
    source: "/",
    time: new Date(0),
    key: typeof row.key === "string" ? row.key : undefined,
    correlationId: id,
    contentType: "application/octet-stream",
    headers: {},
    body: typeof (row.text ?? row.bytes) === "string" ? bodyOf(row) : new Uint8Array(0),
  };
}

type Unchecked = Readonly<Record<string, unknown>>;

function parsed(attributes: unknown): Unchecked {
  const value: unknown = JSON.parse(String(attributes));
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Unchecked;
  }
  throw new TypeError("Cannot read a stored message as its attributes are no object");
}

function text(attributes: Unchecked, name: string): string {
  const value = attributes[name];
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read a stored message as its ${name} is no text`);
}

function optionalText(attributes: Unchecked, name: string): string | undefined {
  return attributes[name] === undefined ? undefined : text(attributes, name);
}

function timeOf({ time }: Unchecked): Date {
  const date = new Date(typeof time === "number" ? time : NaN);
  if (Number.isFinite(date.getTime())) return date;
  throw new TypeError("Cannot read a stored message as its time is none");
}

function headersOf({ headers }: Unchecked): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  const isRight = typeof headers === "object" && headers !== null && !Array.isArray(headers) &&
    Object.values(headers).every((value) => typeof value === "string");
  if (isRight) return headers as Readonly<Record<string, string>>;
  throw new TypeError("Cannot read a stored message as its headers are no texts");
}
