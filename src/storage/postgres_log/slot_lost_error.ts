import { SluiceError } from "../../errors.ts";

/**
 * A slot is gone, or the server has dropped what it was to keep for it. Messages that were in the log
 * alone may be lost with it, so nothing makes another one silently: `drop()` and `prepare()` begin anew.
 * What is in the table of the outbox is still there, and any relay without the log publishes it.
 */
export class SlotLostError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "SlotLostError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "slot_lost";
  /** The name of the slot. */
  readonly slot: string;
  /** `"missing"`: there is none. `"invalidated"`: it is there, and the log that it needs is not. */
  readonly reason: "missing" | "invalidated";

  /** Creates the error for a slot. */
  constructor(slot: string, reason: "missing" | "invalidated", options?: ErrorOptions) {
    super(
      reason === "missing"
        ? `Cannot read the log as the slot "${slot}" is not there`
        : `Cannot read the log as the server has dropped what the slot "${slot}" needs of it`,
      options,
    );
    this.slot = slot;
    this.reason = reason;
  }
}
