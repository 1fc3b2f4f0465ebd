/** The format of `sha256sum`, which `sha256sum --check` reads. */

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

/** Writes a line as `sha256sum` does: one that begins with a backslash has escapes in its name. */
export function checksumLine(sha256: string, path: string): string {
  const escaped = path.replace(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
  return `${escaped === path ? "" : "\\"}${sha256}  ${escaped}\n`;
}
