import { SluiceError } from "../errors.ts";
import { EventHandlingError } from "../mediator/mod.ts";
import { MessageValidationError, type ValidationIssue } from "../message/mod.ts";
import { ReplayLogFullError } from "../stream/mod.ts";
import { problemOfSaga } from "./saga_problem.ts";

/**
 * What went wrong with a request, in the form of RFC 9457 (`application/problem+json`). All of it
 * reaches the client.
 */
export interface Problem {
  /** The HTTP status; it stands in the body too. */
  readonly status: number;
  /** A URI that identifies the kind of problem. @default {"about:blank"} */
  readonly type?: string | undefined;
  /** The kind of problem in a few words. @default the name of the status, if it is a common one */
  readonly title?: string | undefined;
  /** What is wrong in this case. */
  readonly detail?: string | undefined;
  /**
   * The condition, for programs. The routes themselves give `invalid_json`, `forbidden_key`,
   * `body_too_large`, `body_unreadable`, `headers_too_large`, `unsupported_media_type`,
   * `method_not_allowed`, `cross_site`, `message_validation`, `event_handling`, `result_invalid`,
   * `idempotency_key_missing`, `idempotency_running`, `idempotency_mismatch`,
   * `replay_log_full`, `replay_log_unavailable`, `stream_gone` and `internal`; those of sagas `saga_failed`,
   * `saga_id`, `saga_unavailable` and `idempotency_key_invalid`; those of ticks `unauthorized`, `tick_running`,
   * `tick_timeout` and `client_left`.
   */
  readonly code?: string | undefined;
  /** What is wrong with the data, and where; at most the first 100 issues. */
  readonly issues?: readonly ValidationIssue[] | undefined;
  /** Members of the application's own. */
  readonly [member: string]: unknown;
}

/** Data can have about as many issues as it has bytes, and the answer must not outgrow it by much. */
const MAX_ISSUES = 100;

/** What a client learns of everything that is nobody's business but the server's. */
export const INTERNAL_PROBLEM: Problem = {
  status: 500,
  detail: "The request could not be handled",
  code: "internal",
};

/** A request that is refused before its message is handled. */
export class RefusedRequestError extends Error {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "RefusedRequestError";
  /** What the client may know about it. */
  readonly problem: Problem;
  /** What belongs to the status of the problem. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    problem: Problem & { readonly detail: string },
    { headers = {}, ...options }: RefusalOptions = {},
  ) {
    super(problem.detail, options);
    this.problem = problem;
    this.headers = headers;
  }
}

/** What a {@linkcode RefusedRequestError} has besides its problem. */
export interface RefusalOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a client may know of an error that came up before its request was handled. */
export function problemOfRequest(error: unknown): Problem {
  if (error instanceof RefusedRequestError) return error.problem;
  if (error instanceof MessageValidationError) {
    return {
      status: 400,
      detail: "The data of the request is not valid",
      code: "message_validation",
      issues: error.issues.slice(0, MAX_ISSUES),
    };
  }
  return INTERNAL_PROBLEM;
}

/**
 * What a client may know of an error that came up while its request was handled. A validation error
 * is then about data that the server made, and no fault of the client.
 */
export function problemOfHandling(error: unknown): Problem {
  if (error instanceof ReplayLogFullError) {
    return { status: 503, detail: "Too many streams are open", code: "replay_log_full" };
  }
  if (error instanceof EventHandlingError) {
    return {
      status: 500,
      detail: "The request was handled, but not everything that follows from it",
      code: "event_handling",
    };
  }
  const code = codeOf(error);
  return problemOfSaga(error, code) ?? IDEMPOTENCY_PROBLEMS.get(code) ?? INTERNAL_PROBLEM;
}

/** What `idempotent` of `@sluice/cqrs/consumer` throws: known by its codes, so that nobody loads it who has none. */
const IDEMPOTENCY_PROBLEMS: ReadonlyMap<unknown, Problem> = new Map([
  ["idempotency_key_missing", {
    status: 400,
    detail: "The request needs a header Idempotency-Key",
    code: "idempotency_key_missing",
  }],
  ["idempotency_running", {
    status: 409,
    detail: "The same request is being handled",
    code: "idempotency_running",
  }],
  ["idempotency_mismatch", {
    status: 422,
    detail: "The key was used for another request",
    code: "idempotency_mismatch",
  }],
]);

/** After how many seconds a client may ask again, if an error says so. */
export function retryAfterOf(error: unknown): string | undefined {
  if (codeOf(error) !== "idempotency_running") return undefined;
  const { retryAfterMs } = error as { readonly retryAfterMs: number };
  return String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
}

/** The code of an error of this library: so nobody loads a class who does not throw it. */
export function codeOf(error: unknown): unknown {
  return error instanceof SluiceError ? error.code : undefined;
}

/**
 * Writes a problem as JSON.
 *
 * @throws {RangeError} If its status is none of an error.
 */
export function encodeProblem(problem: Problem): string {
  const { status } = problem;
  if (!(Number.isInteger(status) && status >= 400 && status <= 599)) {
    throw new RangeError(`Cannot answer with a problem: status must be from 400 to 599: ${status}`);
  }
  const { type = "about:blank", title = TITLES.get(problem.status), ...members } = problem;
  return JSON.stringify({ type, title, ...members });
}

const TITLES: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [415, "Unsupported Media Type"],
  [422, "Unprocessable Content"],
  [423, "Locked"],
  [428, "Precondition Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
]);
