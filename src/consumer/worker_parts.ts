import type { Delivery } from "../broker/mod.ts";
import type { ConsumerTally } from "./consumer_report.ts";
import type { ConsumerSettings } from "./consumer_settings.ts";
import type { DeliveryHandler } from "./delivery_handler.ts";
import type { MessageReader } from "./message_reader.ts";
import type { Patience } from "./patience.ts";
import type { Trials } from "./trials.ts";

/** What the workers of a consumer share. */
export interface WorkerParts {
  readonly settings: ConsumerSettings;
  readonly reader: MessageReader;
  readonly handler: DeliveryHandler;
  readonly tally: ConsumerTally;
  readonly patience: Patience;
  /** Waits until another transaction may be open; rejects if the consumer ends before. */
  readonly limit: <T>(work: () => Promise<T>) => Promise<T>;
  /** Where messages are handled that were begun before. */
  readonly trials: Trials;
  /** Aborts when nothing more is to be begun. */
  readonly stop: AbortSignal;
  /** Aborts when what is under way has to end; later than `stop`, or with it. */
  readonly cut: AbortSignal;
}

/** A delivery whose handling has begun. */
export interface Begun {
  readonly delivery: Delivery;
  /** How often it is known to have been begun before, and not ended. */
  readonly starts: number;
  /** Whether the storage has counted that it was begun now. */
  readonly isCounted: boolean;
}
