import type { Context } from "hono";
import type { ReplayLog } from "../stream/mod.ts";

/** Gives access to the runs of one kind of message, as far as they belong to the client. */
export interface RunAccess {
  readonly log: ReplayLog;
  /** The name of a run in the log. One that was started at another path may be guarded by other middlewares. */
  readonly nameOf: (c: Context, run: string) => string;
  /** Resolves to the owner, under which the log knows the runs of the client. */
  readonly ownerOf: (c: Context) => Promise<string>;
}

/** The runs of messages of `type`; `undefined` if none are kept. */
export function runAccess(
  type: string,
  { replay, principal }: {
    readonly replay?: ReplayLog | undefined;
    readonly principal?:
      | ((c: Context) => string | undefined | Promise<string | undefined>)
      | undefined;
  },
): RunAccess | undefined {
  if (replay === undefined) return undefined;
  return {
    log: replay,
    nameOf: (c, run) => `${run} ${c.req.path}`,
    // A run is not resumed by a route for other messages either, which may let in other clients.
    ownerOf: async (c) => JSON.stringify([type, await principal?.(c) ?? null]),
  };
}
