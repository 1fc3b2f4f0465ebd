import type { Envelope } from "../message/mod.ts";
import { jsonMembers, parseJson } from "./json_members.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;
const NULL = /* @__PURE__ */ new TextEncoder().encode("null");

/**
 * Writes an event as python-cqrs does, with the body of the envelope in it as it is.
 *
 * @throws {TypeError} If the id is no UUID.
 */
export function writePythonEvent(
  { id, type, time, topic, body }: Envelope,
  writeTime: (time: Date) => string,
): Uint8Array {
  if (!UUID.test(id)) throw new TypeError(`Cannot send the id "${id}" as python-cqrs wants a UUID`);
  const attributes = JSON.stringify({
    "event_id": id,
    "event_timestamp": writeTime(time),
    "event_name": type,
    topic,
  });
  const head = new TextEncoder().encode(`${attributes.slice(0, -1)},"payload":`);
  const payload = body.length === 0 ? NULL : body;
  const event = new Uint8Array(head.length + payload.length + 1);
  event.set(head);
  event.set(payload, head.length);
  event[event.length - 1] = 0x7d;
  return event;
}

/**
 * Reads an event that python-cqrs has written, with names as pydantic or as its dataclasses have them.
 *
 * @throws If it is not one.
 */
export function readPythonEvent(
  body: Uint8Array,
  readTime: (text: string) => Date,
): Pick<Envelope, "id" | "type" | "contentType" | "body"> & { readonly time: Date | undefined } {
  const members = jsonMembers(body);
  const text = (name: string, camelName: string): string | undefined => {
    const json = members.get(name) ?? members.get(camelName);
    const value = json && parseJson(json);
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    throw new TypeError(`Cannot read the event as its "${name}" is no text`);
  };
  const id = text("event_id", "eventId");
  const type = text("event_name", "eventName");
  const time = text("event_timestamp", "eventTimestamp");
  if (!id) throw new TypeError('Cannot read the event as it has no "event_id"');
  if (!type) throw new TypeError('Cannot read the event as it has no "event_name"');
  return {
    // Its dataclasses write UUIDs without hyphens.
    id: /^[0-9a-f]{32}$/i.test(id) ? id.replace(HEX, "$1-$2-$3-$4-$5") : id,
    type,
    time: time === undefined ? undefined : readTime(time),
    contentType: "application/json",
    body: members.get("payload") ?? NULL,
  };
}
