import { oneLine } from "./text.ts";

/** What all diagrams can be given. */
export interface DiagramOptions {
  /** Stands above the diagram, in full. @default nothing */
  readonly title?: string | undefined;
}

/** Lines of a diagram, each one level deeper. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => line === "" ? "" : `    ${line}`);
}

/** Puts a diagram together: its title, its kind, and what is in it. */
export function writeDiagram(
  kind: "sequenceDiagram" | "classDiagram" | "stateDiagram-v2",
  lines: readonly string[],
  { title }: DiagramOptions,
): string {
  // JSON is YAML, which the front matter is, and has a way to write everything.
  const front = title === undefined
    ? []
    : ["---", `title: ${JSON.stringify(oneLine(title))}`, "---"];
  return [...front, kind, ...indent(lines)].join("\n");
}

/** A class of a class diagram. */
export interface DrawnClass {
  /** What it is called within the diagram. */
  readonly id: string;
  /** Its name, escaped. */
  readonly label: string;
  /** What kind of thing it is. */
  readonly stereotype: string;
  /** What it has and does, escaped. */
  readonly members: readonly string[];
}

/** Writes a class of a class diagram, and an empty line behind it. */
export function writeClass({ id, label, stereotype, members }: DrawnClass): string[] {
  return [`class ${id}["${label}"] {`, ...indent([`<<${stereotype}>>`, ...members]), "}", ""];
}
