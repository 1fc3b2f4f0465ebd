import type { Emission } from "./emission.ts";
import type { Frame } from "./frame.ts";
import type { UnitOfWork } from "./unit_of_work.ts";

/** What a frame has to do with units of work, made when there is something; most calls have nothing. */
export interface Ties {
  /** The frame of the innermost unit of work around the frame, open or not, or the frame itself. */
  unit?: Frame | undefined;
  /** The frame that the call came from, if it began in a unit of work that was open there and gets what is emitted. */
  around?: Frame | undefined;
  /** The frame around this one, if this was opened for a unit of work: it stands by itself, as a call does. */
  outer?: Frame | undefined;
  /** The unit of work that the frame was opened for, as long as it is open. */
  work?: UnitOfWork | undefined;
  /** The frame of the unit of work that what is emitted belongs to, if that is not the innermost. */
  joined?: Frame | undefined;
  /** The last commit of the call, from when it begins until it fails. */
  committed?: Promise<unknown> | undefined;
  /** What belongs to units of work whose commit has begun, as long as it does not fail. */
  commits?: Commit[] | undefined;
  /** What the call fails with at its end. */
  lateError?: { readonly error: unknown };
}

/** What belongs to a unit of work whose commit has begun. */
export interface Commit {
  /** Nothing any more if the commit has failed. */
  emissions: readonly Emission[];
  /** Resolves when it is known how the commit has ended. */
  readonly settled: Promise<unknown>;
}
