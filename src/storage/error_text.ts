/** How much of an error is kept, in characters. */
const MAX_LENGTH = 2_000;

/** What is kept of an error: its name, its message and those of its causes. */
export function errorText(error: unknown): string {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  try {
    for (let at = error; at !== undefined && !seen.has(at); at = Object(at).cause) {
      seen.add(at);
      texts.push(at instanceof Error ? `${at.name}: ${at.message}` : String(at));
    }
  } catch {
    texts.push("something that has no text"); // anything can be thrown
  }
  return texts.join("; caused by ").slice(0, MAX_LENGTH);
}
