import type { DenoKvKey, DenoKvKeyPart } from "./deno_kv.ts";

/** How many bytes a key has as Deno KV encodes it. */
export function keySize(key: DenoKvKey): number {
  let size = 0;
  for (const part of key) size += partSize(part);
  return size;
}

/** How many bytes a string has in UTF-8, where a lone surrogate becomes a replacement character. */
export function utf8Size(text: string): number {
  let size = text.length;
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    // A pair of surrogates has four bytes; each of them counts two here, and one alone three.
    if (unit >= 0x80) size += unit >= 0x800 && !isPaired(text, n) ? 2 : 1;
  }
  return size;
}

function partSize(part: DenoKvKeyPart): number {
  switch (typeof part) {
    case "string":
      return textSize(part);
    case "number":
      return 9;
    case "bigint":
      return bigintSize(part);
    case "boolean":
      return 1;
    default:
      return 2 + part.length + part.reduce((zeros, byte) => byte === 0 ? zeros + 1 : zeros, 0);
  }
}

/** Text stands between two bytes, with its zeros escaped. */
function textSize(text: string): number {
  let zeros = 0;
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    if (unit >= 0x80) return 2 + utf8Size(text) + text.split("\0").length - 1;
    if (unit === 0) zeros++;
  }
  return 2 + text.length + zeros;
}

function bigintSize(value: bigint): number {
  if (value === 0n) return 1;
  const magnitude = value < 0n ? -value : value;
  const bytes = Math.ceil(magnitude.toString(16).length / 2);
  return bytes > 8 ? bytes + 2 : bytes + 1;
}

function isPaired(text: string, n: number): boolean {
  const unit = text.charCodeAt(n);
  if (isHigh(unit)) return isLow(text.charCodeAt(n + 1));
  return isLow(unit) && isHigh(text.charCodeAt(n - 1));
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
