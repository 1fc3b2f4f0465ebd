import type { AnyEvent, Envelope } from "../message/mod.ts";
import type { Frame } from "./frame.ts";

/** An event that a handler emitted, with the frame that it came from. */
export interface Emission {
  readonly message: AnyEvent;
  readonly cause: Frame | undefined;
  /** The final form of a notification. */
  envelope: Envelope | Promise<Envelope> | undefined;
  /** Whether a unit of work has stored it, so that nothing remains to be done but to tell. */
  isStored?: boolean;
}
