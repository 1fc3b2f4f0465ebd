/**
 * Sends a request: `fetch`, or what takes its place. It is called as a plain function, with an
 * address as it was given, and must obey the signal in `init`.
 */
export type Fetch = (url: string, init: RequestInit) => Response | Promise<Response>;

/** How the requests for one message are sent. */
export interface RequestOptions {
  /** Ends the call when it aborts: it rejects at once with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Headers for every request, which win over the client's own; or a function that gives them, asked
   * anew for each request, so that a token may be a fresh one. They are sent to the origin of the
   * URL that was given and to no other: where this option is given, even if it gives no header, a
   * redirect is not followed but ends the call with an `UnexpectedResponseError`. Without it redirects
   * are followed, as `fetch` does.
   *
   * @default none
   */
  readonly headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>) | undefined;
  /** Whether cookies are sent, in browsers. @default what `fetch` does: to the page's own origin */
  readonly credentials?: "omit" | "same-origin" | "include" | undefined;
  /** Sends the requests. @default {globalThis.fetch} */
  readonly fetch?: Fetch | undefined;
}

/** @throws {RangeError} Unless an option is an integer that is at least `least`, or `Infinity`. */
export function checkCount(name: string, value: number, least: 0 | 1): void {
  const isCount = value === Infinity || (Number.isSafeInteger(value) && value >= least);
  checkOption(name, value, `an integer from ${least} on or Infinity`, isCount);
}

/** @throws {RangeError} Unless an option is what it must be. */
export function checkOption(name: string, value: number, range: string, isInRange: boolean): void {
  if (isInRange) return;
  throw new RangeError(`Cannot send the request: ${name} must be ${range}, got ${value}`);
}
