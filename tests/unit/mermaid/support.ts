import { type } from "../../../mod.ts";
import { saga } from "../../../src/saga/mod.ts";

/** A saga without steps, to which tests add theirs. */
export function emptySaga() {
  return saga("order", { version: 1, context: type<{ item: string }>() });
}

/** The lines of a diagram without what stands before them. */
export function linesOf(diagram: string): string[] {
  return diagram.split("\n").map((line) => line.trim());
}

/** The lines between two others. */
export function between(diagram: string, first: string, last: string): string[] {
  const lines = linesOf(diagram);
  return lines.slice(lines.indexOf(first) + 1, lines.lastIndexOf(last)).filter(Boolean);
}
