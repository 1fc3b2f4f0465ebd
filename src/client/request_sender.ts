import type { AnyMessage } from "../message/mod.ts";
import { UnexpectedResponseError } from "./client_errors.ts";
import { readAs } from "./exchange.ts";
import type { RequestContent } from "./message_body.ts";
import type { Fetch, RequestOptions } from "./request_options.ts";

/** Sends the requests for one message. */
export class RequestSender {
  readonly #options: RequestOptions;
  readonly #fetch: Fetch;
  readonly #pageUrl: string | undefined;
  readonly #origin: string;
  readonly #metadata: Headers = new Headers();

  /** @throws {TypeError} If the URL, a header or what goes into one is not valid. */
  constructor(url: string, { metadata }: AnyMessage, options: RequestOptions) {
    const { headers, fetch = globalThis.fetch } = options;
    this.#options = options;
    this.#fetch = fetch;
    // Without a page a relative URL is for a `fetch` that was passed in, and the host does not matter.
    this.#pageUrl = globalThis.location?.href ?? (options.fetch && "http://localhost/");
    this.#origin = this.resolve(url).origin;
    const { traceparent, correlationId } = metadata;
    if (traceparent !== undefined) this.#metadata.set("traceparent", traceparent);
    if (correlationId !== undefined) this.#metadata.set("x-correlation-id", correlationId);
    if (typeof headers !== "function") new Headers(headers); // throws if one is not valid
  }

  /** Gives the headers of a request: those of the user over those of the message over the client's. */
  async headers(
    { method, url, body }: RequestContent,
    accept: string,
    lastEventId?: string,
  ): Promise<Headers> {
    const all = new Headers(this.#metadata);
    all.set("accept", accept);
    // Also without a body: a page of another origin may not POST anything else.
    if (body !== null || method === "POST") all.set("content-type", "application/json");
    if (this.resolve(url).origin === this.#origin) {
      const { headers } = this.#options;
      const own = typeof headers === "function" ? await headers() : headers;
      for (const [name, value] of new Headers(own)) all.set(name, value);
    }
    // With it the server resumes and never starts, so it is nothing that a user may set.
    all.delete("last-event-id");
    if (lastEventId !== undefined) all.set("last-event-id", lastEventId);
    return all;
  }

  /** Sends a request. */
  fetch({ method, url, body }: RequestContent, init: RequestInit): Promise<Response> | Response {
    const { credentials, headers } = this.#options;
    // A redirect would take the user's headers along to wherever it leads.
    const redirect = headers === undefined ? "follow" : "manual";
    // Not `this.#fetch(…)`, as browsers refuse a receiver; and Workers refuse `credentials`, even if undefined.
    const fetch = this.#fetch;
    return fetch(url, { method, body, redirect, ...init, ...(credentials && { credentials }) });
  }

  /**
   * Makes a URL absolute; one that is relative refers to the page.
   *
   * @throws {TypeError} If it is no URL.
   */
  resolve(url: string): URL {
    return new URL(url, this.#pageUrl);
  }

  /**
   * Gives the URL of a run, which an answer refers to. It keeps the parameters that the answer's URL
   * has and it has not, since a server may need them to know whom it serves.
   *
   * @throws {UnexpectedResponseError} If it is no URL, or one of another origin than the answer.
   */
  locate(reference: string, answerUrl: string): string {
    const base = this.resolve(answerUrl);
    const url = readAs("URL of a run", () => new URL(reference, base));
    if (url.origin !== base.origin) {
      throw new UnexpectedResponseError(`the run is on another origin, ${url.origin}`);
    }
    const kept = [...base.searchParams].filter(([name]) => !url.searchParams.has(name));
    for (const [name, value] of kept) url.searchParams.append(name, value);
    return url.href;
  }
}
