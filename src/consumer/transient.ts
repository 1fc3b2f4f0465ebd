/** Whether an error, or one that has led to it, says that another attempt may succeed. */
export function isTransient(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let at = error; at !== undefined && !seen.has(at); at = Object(at).cause) {
    seen.add(at);
    if (Object(at).isTransient === true) return true;
  }
  return false;
}
