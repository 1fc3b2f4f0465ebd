/** Tells the test something, at once: also right before the end of the process. */
export function say(line: { readonly event: string; readonly [field: string]: unknown }): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}
