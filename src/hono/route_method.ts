import { RefusedRequestError } from "./problem.ts";

/** The methods that promise to change nothing and yet may run a message. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "QUERY"]);

/** The methods that run nothing, whatever it is: a browser asks `OPTIONS` on behalf of any page. */
const IDLE_METHODS: ReadonlySet<string> = new Set(["OPTIONS", "TRACE"]);

/**
 * Checks that a method may run a message.
 *
 * @throws {RefusedRequestError} If it may not.
 */
export function checkMethod(method: string, isSafe: boolean): void {
  if (IDLE_METHODS.has(method) || (SAFE_METHODS.has(method) && !isSafe)) {
    throw methodNotAllowed(method, methodsOf(isSafe));
  }
}

/** The methods to be named to a client that uses another one. */
export function methodsOf(isSafe: boolean): string {
  return isSafe ? "GET, HEAD, POST" : "POST";
}

/**
 * The method does nothing here.
 *
 * @param allow Names those that do.
 */
export function methodNotAllowed(method: string, allow: string): RefusedRequestError {
  return new RefusedRequestError({
    status: 405,
    detail: `The method ${method} is not allowed here`,
    code: "method_not_allowed",
  }, { headers: { allow } });
}
