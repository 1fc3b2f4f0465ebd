import type { Delivery } from "../broker/mod.ts";
import { errorText } from "../storage/mod.ts";
import type { Handled } from "./delivery_handler.ts";
import type { Begun, WorkerParts } from "./worker_parts.ts";

/** Tells the broker, the storage and whoever watches what became of deliveries. */
export class Settlement {
  readonly #parts: WorkerParts;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** They were handled, now or before, and that is committed. */
  async done(
    deliveries: readonly Delivery[],
    outcomes: readonly Handled[],
    attempts: number,
  ): Promise<void> {
    const { settings, tally } = this.#parts;
    for (const [n, { envelope }] of deliveries.entries()) {
      if (outcomes[n] === "handled") {
        tally.handled++;
        settings.report({ type: "handled", envelope, attempts });
      } else {
        tally.duplicates++;
        settings.report({ type: "duplicate", envelope });
      }
    }
    await this.#ack(deliveries);
  }

  /** Nobody here wants it. */
  async unhandled(delivery: Delivery): Promise<void> {
    const { settings, tally } = this.#parts;
    tally.unhandled++;
    settings.report({ type: "unhandled", envelope: delivery.envelope });
    await this.#ack([delivery]);
  }

  /** It is given up. */
  async bury(begun: Begun, error: unknown, attempts: number): Promise<void> {
    const { settings, handler, tally, patience } = this.#parts;
    const { delivery } = begun;
    const { envelope } = delivery;
    const letter = { error: errorText(error), attempts };
    const buried = await patience.insist(() => handler.bury(delivery, letter));
    if (buried === undefined) return await this.release([begun]);
    if (!buried.result) return await this.done([delivery], ["duplicate"], attempts);
    tally.deadLettered++;
    settings.report({ type: "dead_lettered", envelope, error, attempts });
    await this.#ack([delivery]);
  }

  /** They are left to others, who may say that they begin them for the first time. */
  async release(left: readonly Begun[]): Promise<void> {
    const { storage, consumer } = this.#parts.settings;
    const ids = left.filter(({ isCounted }) => isCounted).map(({ delivery }) =>
      delivery.envelope.id
    );
    if (ids.length === 0) return;
    // If it fails, they only count once too often.
    await storage.inbox.release(consumer, [...new Set(ids)]).catch(() => {});
  }

  /** What is not acknowledged comes again, and is known then. At the end nobody waits for the broker. */
  async #ack(deliveries: readonly Delivery[]): Promise<void> {
    const { cut } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onCut = () => resolve();
    if (cut.aborted) onCut();
    cut.addEventListener("abort", onCut, { once: true });
    Promise.all(deliveries.map((delivery) => this.#ackOne(delivery))).then(onCut);
    await promise;
    cut.removeEventListener("abort", onCut);
  }

  async #ackOne(delivery: Delivery): Promise<void> {
    try {
      await delivery.ack();
    } catch (error) {
      this.#parts.settings.report({ type: "source_failed", error, retryAfterMs: 0 });
    }
  }
}
