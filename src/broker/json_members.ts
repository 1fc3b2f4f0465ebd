const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACES: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const OPENING: ReadonlySet<number | undefined> = new Set([0x7b, 0x5b]);
const CLOSING: ReadonlySet<number | undefined> = new Set([0x7d, 0x5d]);

/** Whether bytes begin as a JSON object does. */
export function beginsAsObject(json: Uint8Array): boolean {
  return json.find((byte) => !SPACES.has(byte)) === 0x7b;
}

/**
 * The bytes of the members of a JSON object, by name; of several with one name, those of the last. So a
 * part can be taken out as it came: parsing it and writing it again would change numbers that JavaScript
 * does not have. The members themselves are not checked.
 *
 * @throws {TypeError} If the bytes are not an object.
 */
export function jsonMembers(json: Uint8Array): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>();
  if (!beginsAsObject(json)) throw new TypeError("Cannot read the body as it is no JSON object");
  let depth = 0;
  let name: string | undefined;
  let start = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      const end = stringEnd(json, at);
      if (depth === 1) name ??= String(parseJson(json.subarray(at, end)));
      at = end - 1;
    } else if (byte === COLON && depth === 1) {
      start = at + 1;
    } else if (OPENING.has(byte)) {
      depth++;
    } else if (CLOSING.has(byte) || (byte === COMMA && depth === 1)) {
      if (depth === 1 && name !== undefined) members.set(name, trimmed(json.subarray(start, at)));
      if (depth === 1) name = undefined;
      if (byte !== COMMA) depth--;
    }
  }
  if (depth !== 0) throw new TypeError("Cannot read the body as it is not a whole JSON object");
  return members;
}

/** @throws {SyntaxError} If it is not JSON. @throws {TypeError} If it is not UTF-8. */
export function parseJson(json: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
}

function stringEnd(json: Uint8Array, from: number): number {
  for (let at = from + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++;
    else if (json[at] === QUOTE) return at + 1;
  }
  throw new TypeError("Cannot read the body as a text in it does not end");
}

function trimmed(json: Uint8Array): Uint8Array {
  let from = 0;
  let to = json.length;
  while (from < to && SPACES.has(json[from])) from++;
  while (to > from && SPACES.has(json[to - 1])) to--;
  return json.subarray(from, to);
}
