import { RefusedRequestError } from "./problem.ts";

/** The methods that promise to change nothing and yet may run a message. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "QUERY"]);

/** The methods that may run any message. All others run nothing: what they mean is not known. */
const CHANGING_METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Whether a method may run what changes something. */
export function mayChange(method: string): boolean {
  return CHANGING_METHODS.has(method);
}

/** Whether a method means something to a route. */
export function isKnown(method: string): boolean {
  return mayChange(method) || SAFE_METHODS.has(method);
}

/**
 * Checks that a method may run a message.
 *
 * @throws {RefusedRequestError} If it may not.
 */
export function checkMethod(method: string, isSafe: boolean): void {
  if (mayChange(method) || (isSafe && SAFE_METHODS.has(method))) return;
  throw methodNotAllowed(method, methodsOf(isSafe));
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
