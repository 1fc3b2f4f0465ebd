import type { ValidationIssue } from "../message/mod.ts";

/**
 * What a server says of an error, in the form of RFC 9457. Members that do not have the type stated
 * here are left out, as the RFC asks; all are missing when the server says nothing of that form.
 */
export interface ProblemDetails {
  /** The status that the server meant; a proxy on the way may have changed that of the response. */
  readonly status?: number;
  /** A URI that identifies the kind of problem. */
  readonly type?: string;
  /** The kind of problem in a few words. */
  readonly title?: string;
  /** What is wrong in this case. */
  readonly detail?: string;
  /** The condition, for programs. */
  readonly code?: string;
  /** What is wrong with the data, and where. */
  readonly issues?: readonly ValidationIssue[];
  /** Members of the server's own. */
  readonly [member: string]: unknown;
}

const TEXTS = ["type", "title", "detail", "code"];

/** Reads a problem from JSON; what is none gives one without members. */
export function parseProblem(text: string): ProblemDetails {
  const problem = membersOf(text);
  for (const name of TEXTS) if (typeof problem[name] !== "string") delete problem[name];
  if (typeof problem["status"] !== "number") delete problem["status"];
  const { issues } = problem;
  if (!(Array.isArray(issues) && issues.every(isIssue))) delete problem["issues"];
  return problem;
}

function membersOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

function isIssue(value: Partial<ValidationIssue> | null): boolean {
  return typeof value?.message === "string" && Array.isArray(value.path);
}
