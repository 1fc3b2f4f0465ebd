import type { Clock } from "../clock.ts";
import { retryAsync, type RetryPolicy, retryPolicy, withDeadline } from "../resilience/mod.ts";
import type {
  SchemaRegistryAuth,
  SchemaRegistryFetch,
  SchemaRegistryOptions,
} from "./schema_registry.ts";
import { SchemaRegistryError } from "./schema_registry_error.ts";

const MEDIA_TYPE = "application/vnd.schemaregistry.v1+json";

/** What a registry has answered. */
export interface RegistryAnswer {
  /** The status of the response. */
  readonly status: number;
  /** The body, as JSON. */
  readonly body: unknown;
}

/** Sends requests to a registry, and repeats them where that may help. */
export class RegistryRequests {
  readonly #url: string;
  readonly #fetch: SchemaRegistryFetch;
  readonly #auth: SchemaRegistryAuth | undefined;
  readonly #headers: Headers;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #policy: RetryPolicy;

  /**
   * @throws {TypeError} If the URL or a header is not valid.
   * @throws {RangeError} If a number of the retries is out of its range.
   */
  constructor(
    options: SchemaRegistryOptions & { readonly timeoutMs: number; readonly clock: Clock },
  ) {
    const { url, fetch = globalThis.fetch, auth, headers, timeoutMs, clock, retry = {} } = options;
    const { username, password } = new URL(url);
    if (username !== "" || password !== "") {
      throw new TypeError(`Cannot use a URL with a password: give it as the option "auth"`);
    }
    this.#url = url.replace(/\/+$/, "");
    this.#fetch = fetch;
    this.#auth = auth;
    this.#headers = new Headers(headers);
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#policy = retryPolicy({ ...retry, when: retry.when ?? isTransient, clock });
  }

  /**
   * Asks the registry; with `content` by POST, otherwise by GET.
   *
   * @param action What is asked, in the words that follow "Cannot".
   * @throws {SchemaRegistryError} If no answer comes, or that of an error.
   */
  send(action: string, path: string, content?: object): Promise<RegistryAnswer> {
    return retryAsync(async () => {
      try {
        return await withDeadline(
          this.#timeoutMs,
          (signal) => this.#exchange(action, path, content, signal),
          { clock: this.#clock },
        );
      } catch (cause) {
        throw cause instanceof SchemaRegistryError
          ? cause
          : new SchemaRegistryError(action, { cause });
      }
    }, this.#policy);
  }

  async #exchange(
    action: string,
    path: string,
    content: object | undefined,
    signal: AbortSignal,
  ): Promise<RegistryAnswer> {
    const headers = new Headers(this.#headers);
    headers.set("accept", `${MEDIA_TYPE}, application/json`);
    if (content !== undefined) headers.set("content-type", MEDIA_TYPE);
    if (this.#auth !== undefined) headers.set("authorization", await credentialsOf(this.#auth));
    // Not `this.#fetch(…)`, as browsers refuse a receiver.
    const fetch = this.#fetch;
    const response = await fetch(this.#url + path, {
      method: content === undefined ? "GET" : "POST",
      headers,
      body: content === undefined ? null : JSON.stringify(content),
      redirect: "manual", // wherever it leads, the headers are not for there
      signal,
    });
    const { status, ok } = response;
    const text = await response.text();
    if (ok) return { status, body: readJson(action, status, text) };
    throw new SchemaRegistryError(action, { status, ...problemOf(text) });
  }
}

/**
 * Makes a value of an answer.
 *
 * @throws {SchemaRegistryError} If `read` gives none, as the answer is another than was asked for.
 */
export function answerAs<T>(
  action: string,
  { status, body }: RegistryAnswer,
  read: (body: Record<string, unknown>) => T | undefined,
): T {
  const value = isRecord(body) ? read(body) : undefined;
  if (value !== undefined) return value;
  throw unexpected(action, status);
}

/** Whether a value is an id or a version: an integer that fits into 31 bits. */
export function isId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 31;
}

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTransient(error: unknown): boolean {
  return error instanceof SchemaRegistryError && error.isTransient;
}

async function credentialsOf(auth: SchemaRegistryAuth): Promise<string> {
  if ("token" in auth) {
    return `Bearer ${typeof auth.token === "function" ? await auth.token() : auth.token}`;
  }
  const bytes = new TextEncoder().encode(`${auth.username}:${auth.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function readJson(action: string, status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unexpected(action, status, cause);
  }
}

function unexpected(action: string, status: number, cause?: unknown): SchemaRegistryError {
  const detail = "The answer is not what a schema registry sends";
  return new SchemaRegistryError(action, { status, detail, cause });
}

/** What an answer with the status of an error says, if a registry has sent it. */
function problemOf(text: string): { errorCode?: number; detail?: string } {
  try {
    const { error_code: errorCode, message: detail } = JSON.parse(text);
    return {
      ...(typeof errorCode === "number" && { errorCode }),
      ...(typeof detail === "string" && { detail }),
    };
  } catch {
    return {}; // from something between here and the registry
  }
}
