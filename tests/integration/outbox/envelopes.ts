import type { Envelope } from "../../../src/message/mod.ts";

/**
 * Messages that say the words of `texts`. The key of each is what stands before its first digit; "-"
 * is none.
 */
export function messages(texts: string, more: Partial<Envelope> = {}): Envelope[] {
  return texts.split(" ").map((text) => {
    const key = text.replace(/\d.*$/, "");
    return {
      id: text,
      type: "noted",
      topic: "notes",
      source: "/tests",
      time: new Date("2026-01-02T03:04:05.678Z"),
      key: key === "-" ? undefined : key,
      correlationId: text,
      contentType: "text/plain",
      headers: {},
      body: new TextEncoder().encode(text),
      ...more,
    };
  });
}

/** What rows say, in their order. */
export function textsOf(rows: ReadonlyArray<{ readonly envelope: Envelope }>): string {
  return rows.map(({ envelope: { body } }) => new TextDecoder().decode(body)).join(" ");
}
