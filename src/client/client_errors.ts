import { SluiceError } from "../errors.ts";
import type { ProblemDetails } from "./problem_details.ts";

/**
 * The answer did not arrive, or not as a whole, and cannot be asked for again: the network failed,
 * the connection ended too early, or nothing came for too long. The request may have been handled
 * all the same.
 */
export class ConnectionLostError extends SluiceError {
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "connection_lost";
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "ConnectionLostError";
  /** How many attempts to connect again have failed since the last event; 0 when none was possible. */
  readonly attempts: number;

  /** Creates the error; `options.cause` is what ended the connection, or the last attempt. */
  constructor(attempts: number, options?: ErrorOptions) {
    super(
      attempts === 0
        ? "Cannot receive the answer as the connection was lost"
        : `Cannot resume the stream: ${attempts} attempts have failed`,
      options,
    );
    this.attempts = attempts;
  }
}

/** What {@linkcode HttpProblemError} knows beside the problem. */
export interface HttpProblemErrorOptions extends ErrorOptions {
  /** {@inheritDoc HttpProblemError.retryAfterMs} */
  readonly retryAfterMs?: number | undefined;
}

/** The server answered with the status of an error. */
export class HttpProblemError extends SluiceError {
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "http_problem";
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "HttpProblemError";
  /** The status of the response. */
  readonly status: number;
  /** What the server says of it. */
  readonly problem: ProblemDetails;
  /** How long the server asks to wait before the next request (`Retry-After`), in milliseconds; `undefined` if it does not. */
  readonly retryAfterMs: number | undefined;

  /** Creates the error for a response with the status `status`. */
  constructor(status: number, problem: ProblemDetails = {}, options: HttpProblemErrorOptions = {}) {
    super(`Cannot get an answer: the server responded with the status ${status}`, options);
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The run that a stream comes from has failed on the server. */
export class StreamFailureError extends SluiceError {
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "stream_failure";
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "StreamFailureError";
  /** What the server says of it. */
  readonly problem: ProblemDetails;

  /** Creates the error from what the server says. */
  constructor(problem: ProblemDetails, options?: ErrorOptions) {
    super("Cannot complete the stream: its run has failed on the server", options);
    this.problem = problem;
  }
}

/**
 * The server has nothing more to give of a run: it was cancelled or forgotten, or another
 * connection reads it now.
 */
export class StreamGoneError extends SluiceError {
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "stream_gone";
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "StreamGoneError";
  /** What the server says of it. */
  readonly problem: ProblemDetails;

  /** Creates the error from what the server says. */
  constructor(problem: ProblemDetails, options?: ErrorOptions) {
    super("Cannot complete the stream: its run is gone from the server", options);
    this.problem = problem;
  }
}

/**
 * The answer is not what a route of Sluice sends: it comes from something else, such as the login
 * page of a network, or from another version of the application.
 */
export class UnexpectedResponseError extends SluiceError {
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "unexpected_response";
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "UnexpectedResponseError";
  /** What is wrong with the answer. */
  readonly finding: string;

  /** Creates the error; `options.cause` is what failed to read the answer. */
  constructor(finding: string, options?: ErrorOptions) {
    super(`Cannot read the answer: ${finding}`, options);
    this.finding = finding;
  }
}
