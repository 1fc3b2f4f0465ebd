import type { Delivery } from "../broker/mod.ts";
import { sleep } from "../clock.ts";
import type { AnyMessage, Envelope } from "../message/mod.ts";
import type { Begun, ConsumerSettings } from "./consumer_options.ts";
import type { ConsumerTally } from "./consumer_report.ts";
import { type DeliveryHandler, HandlerFailure, type ReadDelivery } from "./delivery_handler.ts";
import { errorText } from "./error_text.ts";
import type { MessageReader } from "./message_reader.ts";

/** What the workers of a consumer share. */
export interface WorkerParts {
  readonly settings: ConsumerSettings;
  readonly reader: MessageReader;
  readonly handler: DeliveryHandler;
  readonly tally: ConsumerTally;
  /** Waits until another transaction may be open. */
  readonly limit: <T>(work: () => Promise<T>) => Promise<T>;
  /** Aborts when nothing more is to be begun. */
  readonly stop: AbortSignal;
  /** Aborts when what is under way has to end. */
  readonly cut: AbortSignal;
}

/** Handles the deliveries of one partition in their order. */
export class PartitionWorker {
  readonly #parts: WorkerParts;
  readonly #queue: Delivery[] = [];
  #working: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** Resolves when nothing is under way. */
  get idle(): Promise<void> | undefined {
    return this.#working;
  }

  add(delivery: Delivery): void {
    this.#queue.push(delivery);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // what comes together is handled together
    while (this.#queue.length > 0 && !this.#parts.stop.aborted) await this.#take();
    this.#queue.length = 0; // the rest comes again elsewhere
  }

  /** Handles what is there, after a note that it is begun. */
  async #take(): Promise<void> {
    const { settings, stop, tally } = this.#parts;
    const taken = this.#queue.splice(0, settings.prefetch);
    const begun = await this.#begin(taken.filter(({ signal }) => !signal.aborted));
    if (begun === undefined) return;
    let batch: ReadDelivery[] = [];
    const done = new Set<Delivery>();
    const flush = async () => {
      for (const { delivery } of batch) done.add(delivery);
      const ready = batch;
      batch = [];
      await this.#handleBatch(ready);
    };
    for (const { delivery, starts } of begun) {
      if (stop.aborted) break;
      const read = await this.#read(delivery);
      if (read === undefined) done.add(delivery);
      else if (starts > 0) {
        await flush(); // those before it
        done.add(delivery);
        await this.#handleSuspect(read, starts);
      } else if (batch.push(read) >= settings.batchSize) await flush();
    }
    if (!stop.aborted) await flush();
    const left = begun.filter(({ delivery }) => !done.has(delivery));
    await this.#release(left);
    tally.left += left.length;
  }

  /** Notes what is begun, with how often it was begun before; `undefined` if the consumer ends before it could. */
  async #begin(deliveries: readonly Delivery[]): Promise<readonly Begun[] | undefined> {
    const { settings: { storage, consumer }, tally } = this.#parts;
    // A broker that counts deliveries does so for whatever ends a process.
    const uncounted = deliveries.filter(({ deliveryCount }) => deliveryCount === undefined);
    const ids = uncounted.map(({ envelope }) => envelope.id);
    const known = await this.#stubbornly(() => storage.inbox.begin(consumer, ids));
    if (known === undefined) return undefined;
    const begun: Begun[] = [];
    for (const delivery of deliveries) {
      const start = known[uncounted.indexOf(delivery)];
      if (start?.isHandled === true) {
        tally.duplicates++;
        this.#parts.settings.report({ type: "duplicate", envelope: delivery.envelope });
        await this.#ack(delivery);
      } else {
        begun.push({ delivery, starts: start?.starts ?? (delivery.deliveryCount ?? 1) - 1 });
      }
    }
    return begun;
  }

  /** Reads a message, or settles what is none. */
  async #read(delivery: Delivery): Promise<ReadDelivery | undefined> {
    const { settings, reader, tally } = this.#parts;
    let message: AnyMessage | undefined;
    try {
      if (delivery.error !== undefined) throw delivery.error;
      message = await reader.read(delivery.envelope);
    } catch (error) {
      await this.#bury(delivery, error, 0);
      return undefined;
    }
    if (message !== undefined) return { delivery, message };
    tally.unhandled++;
    settings.report({ type: "unhandled", envelope: delivery.envelope });
    await this.#release([{ delivery, starts: 0 }]);
    await this.#ack(delivery);
    return undefined;
  }

  async #handleBatch(batch: readonly ReadDelivery[]): Promise<void> {
    const { settings, handler, limit, cut } = this.#parts;
    if (batch.length > 1) {
      try {
        return await this.#settle(batch, await limit(() => handler.handle(batch, cut)), 1);
      } catch (error) {
        if (cut.aborted) return await this.#release(batch.map(asBegun));
        const { cause = error } = error as { cause?: unknown };
        settings.report({ type: "batch_failed", size: batch.length, error: cause });
      }
    }
    for (const read of batch) await this.#handleOne(read);
  }

  /** A message that was begun before may have killed its process: it is handled alone, and not for ever. */
  async #handleSuspect(read: ReadDelivery, starts: number): Promise<void> {
    const { settings } = this.#parts;
    const { delivery } = read;
    const { storage, consumer, maxStarts } = settings;
    if (starts >= maxStarts) {
      const error = new RangeError(`It was begun ${starts} times and never ended`);
      return await this.#bury(delivery, error, starts);
    }
    if (delivery.deliveryCount === undefined) {
      const { id } = delivery.envelope;
      await this.#stubbornly(() => storage.inbox.beginAgain(consumer, id));
    }
    await this.#handleOne(read);
  }

  async #handleOne(read: ReadDelivery): Promise<void> {
    const { settings, handler, limit, cut } = this.#parts;
    const { delivery } = read;
    const signal = AbortSignal.any([cut, delivery.signal]);
    for (let attempt = 1; !signal.aborted;) {
      try {
        const outcomes = await limit(() => handler.handle([read], signal));
        return await this.#settle([read], outcomes, attempt);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof HandlerFailure)) {
          await this.#waitForStorage(error, signal);
          continue; // it is not held against the message
        }
        const { cause } = error;
        if (attempt >= settings.maxAttempts || !settings.isWorthRetrying(cause)) {
          return await this.#bury(delivery, cause, attempt);
        }
        const retryAfterMs = settings.backoff(attempt);
        const { envelope } = delivery;
        this.#parts.tally.failed++;
        settings.report({ type: "failed", envelope, error: cause, attempt, retryAfterMs });
        await this.#wait(retryAfterMs, signal);
        if (this.#parts.stop.aborted) break;
        attempt++;
      }
    }
    await this.#release([asBegun(read)]);
  }

  async #settle(
    reads: readonly ReadDelivery[],
    outcomes: ReadonlyArray<"handled" | "duplicate">,
    attempts: number,
  ): Promise<void> {
    const { settings, tally } = this.#parts;
    for (const [n, { delivery }] of reads.entries()) {
      const { envelope } = delivery;
      if (outcomes[n] === "handled") {
        tally.handled++;
        settings.report({ type: "handled", envelope, attempts });
      } else {
        tally.duplicates++;
        settings.report({ type: "duplicate", envelope });
      }
    }
    await Promise.all(reads.map(({ delivery }) => this.#ack(delivery)));
  }

  async #bury(delivery: Delivery, error: unknown, attempts: number): Promise<void> {
    const { settings, handler, tally } = this.#parts;
    const envelope: Envelope = delivery.envelope;
    const isBuried = await this.#stubbornly(async () => {
      await handler.bury(delivery, { error: errorText(error), attempts });
      return true;
    });
    if (isBuried === undefined) return;
    tally.deadLettered++;
    settings.report({ type: "dead_lettered", envelope, error, attempts });
    await this.#ack(delivery);
  }

  /** Does what the database has to do, however often it takes; `undefined` if the consumer ends before. */
  async #stubbornly<T>(run: () => Promise<T>): Promise<T | undefined> {
    const { cut, stop } = this.#parts;
    for (let failures = 1; !cut.aborted; failures++) {
      try {
        return await run();
      } catch (error) {
        if (stop.aborted) return undefined;
        await this.#waitForStorage(error, cut, failures);
      }
    }
    return undefined;
  }

  async #waitForStorage(error: unknown, signal: AbortSignal, failures = 1): Promise<void> {
    const { settings } = this.#parts;
    const retryAfterMs = settings.backoff(failures);
    settings.report({ type: "storage_failed", error, retryAfterMs });
    await this.#wait(retryAfterMs, signal);
  }

  /** Others may say that they begin it for the first time. If that fails, it only counts once too often. */
  async #release(left: readonly Begun[]): Promise<void> {
    const { storage, consumer } = this.#parts.settings;
    const ids = left.filter(({ delivery }) => delivery.deliveryCount === undefined)
      .map(({ delivery }) => delivery.envelope.id);
    if (ids.length > 0) await storage.inbox.release(consumer, ids).catch(() => {});
  }

  /** What is not acknowledged comes again, and is known then. */
  async #ack(delivery: Delivery): Promise<void> {
    await delivery.ack().catch((error: unknown) => {
      this.#parts.settings.report({ type: "source_failed", error, retryAfterMs: 0 });
    });
  }

  async #wait(durationMs: number, signal: AbortSignal): Promise<void> {
    const ends = AbortSignal.any([signal, this.#parts.stop]);
    await sleep(this.#parts.settings.clock, durationMs, ends).catch(() => {}); // it ends
  }
}

function asBegun({ delivery }: ReadDelivery): Begun {
  return { delivery, starts: 0 };
}
