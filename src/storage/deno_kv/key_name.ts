import type { DenoKvKey, DenoKvKeyPart } from "./deno_kv.ts";

/** A text that is the same for the same key, and for no other. */
export function keyName(key: DenoKvKey): string {
  return JSON.stringify(key.map(partName));
}

function partName(part: DenoKvKeyPart): readonly [type: string, value: string | readonly number[]] {
  if (typeof part === "object") return ["bytes", [...part]];
  return [typeof part, Object.is(part, -0) ? "-0" : String(part)];
}
