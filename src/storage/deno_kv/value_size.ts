/**
 * How many bytes a value has at the most as Deno KV stores it, which is in V8's serialisation but for
 * bytes, and for a `Deno.KvU64`, which is smaller.
 *
 * V8 writes the same value in more than one way, depending on how it happens to hold it. So this is a
 * bound: it is close for text, bytes and records; a number in an array may need a sixth of it. Text
 * counts one byte per character where all have a code up to 255. Text of this kind that was cut out of
 * wider text needs two, which nothing but V8 can tell: what exceeds a limit only by that is refused by
 * the database.
 */
export function valueSize(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  const walk: Walk = { seen: new Set(), queue: [value] };
  let size = HEADER_BYTES;
  while (walk.queue.length > 0) size += partSize(walk.queue.pop(), walk);
  return size;
}

interface Walk {
  /** The objects that were met; V8 writes each once. */
  readonly seen: Set<object>;
  /** What is still to be looked at. */
  readonly queue: unknown[];
}

/** The mark of the format and its version. */
const HEADER_BYTES = 2;

const TAG_BYTES = 1;

/** The most that a length, an index or a reference takes. */
const VARINT_BYTES = 5;

/** A number, with its tag; whole ones may take less. */
const NUMBER_BYTES = 9;

function partSize(value: unknown, walk: Walk): number {
  switch (typeof value) {
    case "string":
      return textSize(value);
    case "number":
      return NUMBER_BYTES;
    case "bigint":
      return bigintSize(value);
    case "object":
      return value === null ? TAG_BYTES : objectSize(value, walk);
    default:
      return TAG_BYTES;
  }
}

function textSize(text: string): number {
  const { length } = text;
  const isWide = hasWideCharacter(text);
  const bytes = isWide ? 2 * length : length;
  // Wide text is aligned to an even place.
  return TAG_BYTES + varintSize(bytes) + bytes + (isWide ? 1 : 0);
}

function hasWideCharacter(text: string): boolean {
  for (let n = 0; n < text.length; n++) {
    if (text.charCodeAt(n) > 0xff) return true;
  }
  return false;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest /= 0x80) size++;
  return size;
}

function bigintSize(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  const words = Math.ceil(magnitude.toString(16).length / 16);
  return TAG_BYTES + VARINT_BYTES + 8 * words;
}

function objectSize(object: object, walk: Walk): number {
  if (walk.seen.has(object)) return TAG_BYTES + VARINT_BYTES;
  walk.seen.add(object);
  if (object instanceof ArrayBuffer) return bufferSize(object);
  if (ArrayBuffer.isView(object)) {
    walk.queue.push(object.buffer); // all of it, however little the view shows
    return 2 * TAG_BYTES + 3 * VARINT_BYTES;
  }
  if (object instanceof Date) return NUMBER_BYTES;
  if (object instanceof RegExp) return TAG_BYTES + textSize(object.source) + VARINT_BYTES;
  if (object instanceof Error) return errorSize(object, walk);
  if (object instanceof Map) {
    for (const [key, value] of object) walk.queue.push(key, value);
    return 2 * TAG_BYTES + VARINT_BYTES;
  }
  if (object instanceof Set) {
    for (const item of object) walk.queue.push(item);
    return 2 * TAG_BYTES + VARINT_BYTES;
  }
  const boxed = boxedValue(object);
  if (boxed !== undefined) {
    walk.queue.push(boxed);
    return TAG_BYTES;
  }
  return propertiesSize(object, walk);
}

function bufferSize({ byteLength }: ArrayBuffer): number {
  return TAG_BYTES + 2 * VARINT_BYTES + byteLength;
}

function errorSize(error: Error, { queue }: Walk): number {
  queue.push(error.message, error.stack);
  if ("cause" in error) queue.push(error.cause);
  return 6 * TAG_BYTES;
}

function boxedValue(object: object): unknown {
  if (object instanceof String || object instanceof Number) return object.valueOf();
  if (object instanceof Boolean) return true;
  return object instanceof BigInt ? object.valueOf() : undefined;
}

function propertiesSize(object: object, { queue }: Walk): number {
  // An array may be written with the index of each element, which is not longer than its text.
  let size = 2 * TAG_BYTES + 2 * VARINT_BYTES;
  for (const [name, value] of Object.entries(object)) {
    size += textSize(name);
    queue.push(value);
  }
  return size;
}
