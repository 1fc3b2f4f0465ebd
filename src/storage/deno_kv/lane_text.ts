import type { Envelope } from "../../message/mod.ts";
import { keyText } from "./keys.ts";

/**
 * The lane of a message within its topic, as it is in keys. That of a key begins with "=", also where
 * a digest stands for it.
 */
export function laneText({ key, id }: Pick<Envelope, "key" | "id">): string | Promise<string> {
  const mark = key === undefined ? "#" : "=";
  const text = keyText(key ?? id);
  return typeof text === "string" ? mark + text : text.then((digest) => mark + digest);
}

/** Whether a lane is that of a key. */
export function isKeyLane(lane: unknown): boolean {
  return typeof lane === "string" && lane.startsWith("=");
}
