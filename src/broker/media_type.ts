/** A media type without its parameters, in lower case. */
export function essenceOf(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** Whether a media type is that of JSON. */
export function isJsonType(contentType: string): boolean {
  return /^(?:application|text)\/(?:[\w.-]+\+)?json$/.test(essenceOf(contentType));
}
