import type { HonoRequest } from "hono";
import { sameBytes } from "./constant_time.ts";
import { RefusedRequestError } from "./problem.ts";

/** Fewer characters can be guessed. */
const MIN_LENGTH = 16;

/** What a header can carry as one word. */
const WORD = /^[\x21-\x7e]+$/;

const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/**
 * Makes a function that tells whether a request brings one of the secrets, as
 * `Authorization: Bearer <secret>`.
 *
 * Digests of equal length are compared, each with all of them: how long it takes tells nothing of a
 * secret.
 *
 * @throws {TypeError} If there is no secret, or one is no text.
 * @throws {RangeError} If a secret is too short, or has characters that a header cannot carry.
 */
export function secretCheck(
  secret: string | readonly string[],
): (req: HonoRequest) => Promise<boolean> {
  const secrets = typeof secret === "string" ? [secret] : [...secret];
  if (secrets.length === 0) throw new TypeError("Cannot guard a route: there is no secret");
  secrets.forEach(assertSecret);
  let digests: Promise<readonly Uint8Array[]> | undefined;
  return async function isAuthorized(req) {
    digests ??= Promise.all(secrets.map(digest));
    const [, given = ""] = BEARER.exec(req.header("authorization") ?? "") ?? [];
    const found = await digest(given);
    let isKnown = false;
    for (const known of await digests) isKnown = sameBytes(known, found) || isKnown;
    return isKnown;
  };
}

/** The request brings no secret, or another one: which of them is not said. */
export function unauthorized(): RefusedRequestError {
  return new RefusedRequestError({
    status: 401,
    detail: "The request needs a secret",
    code: "unauthorized",
  }, { headers: { "www-authenticate": "Bearer" } });
}

function assertSecret(secret: unknown): void {
  if (typeof secret !== "string") {
    throw new TypeError(`Cannot guard a route: a secret must be a text, got ${typeof secret}`);
  }
  if (secret.length >= MIN_LENGTH && WORD.test(secret)) return;
  throw new RangeError(
    `Cannot guard a route: a secret must have at least ${MIN_LENGTH} characters, all of them printable ASCII without blanks`,
  );
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
