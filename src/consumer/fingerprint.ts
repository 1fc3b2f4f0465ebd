/** Tells data from other data: a SHA-256 of its JSON, whatever the order of keys in objects. */
export async function fingerprintOf(data: unknown): Promise<string> {
  const sorted = (_key: string, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
      : typeof value === "bigint"
      ? `${value}n`
      : value;
  const text = JSON.stringify(data, sorted) ?? "";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
