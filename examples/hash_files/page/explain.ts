/** What went wrong, for the user of the page. */

import {
  ConnectionLostError,
  HttpProblemError,
  StreamFailureError,
  StreamGoneError,
  UnexpectedResponseError,
} from "@sluice/cqrs/client";

/** What the user learns of an error. */
export interface Explanation {
  readonly reason: string;
  /** Whether another folder would put it right. */
  readonly isAboutFolder: boolean;
}

/** Explains an error of the stream. */
export function explain(error: unknown): Explanation {
  if (error instanceof HttpProblemError || error instanceof StreamFailureError) {
    const { issues = [], code, detail = "The server could not do it" } = error.problem;
    const issue = issues.find(({ path }) => path[0] === "folder");
    if (issue !== undefined) return aboutFolder(`The folder ${issue.message}.`);
    if (code === "folder_not_found") return aboutFolder(`${detail}.`);
    return aboutRun(`${detail}.`);
  }
  if (error instanceof ConnectionLostError) {
    return aboutRun("The server cannot be reached. Start again once it is running.");
  }
  if (error instanceof StreamGoneError) {
    return aboutRun(
      "The server no longer knows this run. It may have been restarted: start again.",
    );
  }
  if (error instanceof UnexpectedResponseError) {
    return aboutRun("The answer does not come from this server, or not from its present version.");
  }
  return aboutRun(`The page itself has failed: ${error}`);
}

function aboutFolder(reason: string): Explanation {
  return { reason, isAboutFolder: true };
}

function aboutRun(reason: string): Explanation {
  return { reason, isAboutFolder: false };
}
