/** What stands before a message that was written with a schema registry. */
export interface FrameHead {
  /** The id of the schema that the message was written with. */
  readonly schemaId: number;
  /** Where in that schema the type of the message stands: the index of the outermost message, then of those within. */
  readonly messagePath: readonly number[];
}

/** The first byte of every frame. */
const MAGIC = 0;

/** The bytes before the path: the first byte, and the id in 32 bits. */
const PATH_AT = 5;

/** Gives the bytes before a message, in the format of Confluent's serialisers. */
export function writeHead({ schemaId, messagePath }: FrameHead): Uint8Array {
  const path = writePath(messagePath);
  const bytes = new Uint8Array(PATH_AT + path.length);
  bytes[0] = MAGIC;
  new DataView(bytes.buffer).setUint32(1, schemaId);
  bytes.set(path, PATH_AT);
  return bytes;
}

/**
 * Reads what stands before a message, and where the message starts.
 *
 * @throws {TypeError} If `bytes` are no frame, or end within its head.
 */
export function readHead(bytes: Uint8Array): FrameHead & { readonly end: number } {
  if (bytes.length <= PATH_AT) {
    throw new TypeError(`Cannot read a frame of a schema registry from ${bytes.length} bytes`);
  }
  if (bytes[0] !== MAGIC) {
    throw new TypeError(`Cannot read a frame of a schema registry as it starts with ${bytes[0]}`);
  }
  const schemaId = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1);
  const [count, start] = readInteger(bytes, PATH_AT);
  // The first message of a file is what most files have, so it has a short form: a length of 0.
  if (count === 0) return { schemaId, messagePath: [0], end: start };
  const messagePath = [];
  let end = start;
  for (let left = count; left > 0; left--) {
    const [index, next] = readInteger(bytes, end); // fails at the end of the bytes, however large the count
    messagePath.push(index);
    end = next;
  }
  return { schemaId, messagePath, end };
}

function writePath(path: readonly number[]): readonly number[] {
  if (path.length === 1 && path[0] === 0) return [0];
  return [path.length, ...path].flatMap(writeInteger);
}

/** Zigzag, as the format has it, makes no difference but twice the value: nothing here is negative. */
function writeInteger(value: number): number[] {
  const bytes = [];
  let rest = value * 2;
  while (rest > 0x7f) {
    bytes.push(rest % 0x80 + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** Reads a zigzag number of variable length, and where it ends. */
function readInteger(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 0x80 ** i;
    if (byte > 0x7f) continue;
    if (value % 2 === 1) break; // a negative number
    return [value / 2, start + i + 1];
  }
  throw brokenPath();
}

function brokenPath(): TypeError {
  return new TypeError("Cannot read a frame of a schema registry as its message index is broken");
}
