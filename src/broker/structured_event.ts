import { jsonMembers, parseJson } from "./json_members.ts";
import { essenceOf, isJsonType } from "./media_type.ts";

/** An event of CloudEvents, however it came. */
export interface CloudEvent {
  /** Its attributes but `datacontenttype`, by their names. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}

const STRUCTURED = "application/cloudevents";

/** Whether a body of this media type holds the attributes too. */
export function isStructured(contentType: string | undefined): contentType is string {
  return contentType !== undefined && essenceOf(contentType).startsWith(STRUCTURED);
}

/**
 * Reads an event in the structured mode: the attributes and the data, both in the JSON of the body.
 *
 * @throws {TypeError} If it is a batch, or in another format than JSON.
 */
export function readStructured(contentType: string, body: Uint8Array): CloudEvent {
  if (essenceOf(contentType) !== `${STRUCTURED}+json`) {
    throw new TypeError(`Cannot read CloudEvents in the form "${contentType}"`);
  }
  const { data, data_base64: base64, ...rest } = Object.fromEntries(jsonMembers(body));
  const attributes = new Map<string, string>();
  for (const [name, json] of Object.entries(rest)) {
    const value = parseJson(json);
    if (typeof value === "object" && value !== null) {
      throw new TypeError(`Cannot read the attribute "${name}" as it is no text`);
    }
    if (value !== null) attributes.set(name, String(value));
  }
  const type = attributes.get("datacontenttype") ?? "application/json";
  attributes.delete("datacontenttype");
  return { attributes, contentType: type, body: dataOf(type, data, base64) };
}

function dataOf(
  contentType: string,
  data: Uint8Array | undefined,
  base64: Uint8Array | undefined,
): Uint8Array {
  if (base64 !== undefined) {
    const bytes = atob(String(parseJson(base64)));
    return Uint8Array.from(bytes, (char) => char.charCodeAt(0));
  }
  if (data === undefined) return new Uint8Array();
  if (isJsonType(contentType)) return data;
  const value = parseJson(data);
  // A text is what the other format has there; all else is JSON whatever its type says.
  return typeof value === "string" ? new TextEncoder().encode(value) : data;
}
