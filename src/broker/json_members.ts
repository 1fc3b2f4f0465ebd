const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Whether bytes begin as a JSON object does. */
export function beginsAsObject(json: Uint8Array): boolean {
  return json.find((byte) => !isSpace(byte)) === OPEN_OBJECT;
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
  const end = (at: number): void => {
    if (name !== undefined) members.set(name, trimmed(json.subarray(start, at)));
    name = undefined;
  };
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case QUOTE: {
        const from = at;
        at = stringEnd(json, from);
        if (depth === 1) name ??= String(parseJson(json.subarray(from, at + 1)));
        break;
      }
      case COLON:
        if (depth === 1) start = at + 1;
        break;
      case COMMA:
        if (depth === 1) end(at);
        break;
      case OPEN_OBJECT:
      case OPEN_LIST:
        depth++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        if (depth === 1) end(at);
        depth--;
    }
  }
  if (depth !== 0) throw new TypeError("Cannot read the body as it is not a whole JSON object");
  return members;
}

/** @throws {SyntaxError} If it is not JSON. @throws {TypeError} If it is not UTF-8. */
export function parseJson(json: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
}

/** Where the quotation mark stands that ends a text. */
function stringEnd(json: Uint8Array, from: number): number {
  for (let at = from + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++;
    else if (json[at] === QUOTE) return at;
  }
  throw new TypeError("Cannot read the body as a text in it does not end");
}

function trimmed(json: Uint8Array): Uint8Array {
  let from = 0;
  let to = json.length;
  while (from < to && isSpace(json[from])) from++;
  while (to > from && isSpace(json[to - 1])) to--;
  return json.subarray(from, to);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
