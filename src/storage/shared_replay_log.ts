import { type Clock, systemClock } from "../clock.ts";
import {
  type MemoryReplayLogOptions,
  type ObservedReplayLog,
  observedReplayLog,
  type ReplayLog,
  type ReplayReader,
  type ReplayWriter,
} from "../stream/mod.ts";
import type { ReplayExchange, RunPlace } from "./replay_exchange.ts";
import { RemoteReader } from "./remote_reader.ts";
import { ReplayNode } from "./replay_node.ts";

/** How a replay log that several processes share works. Limits are those of each process. */
export type SharedReplayLogOptions = MemoryReplayLogOptions;

/**
 * A replay log that several processes share. A run is kept in the memory of the process that runs
 * its request, which costs nothing as long as its reader comes back there. A reader that comes back to
 * another process reads it from there, through the database: somewhat ahead of the client, and without
 * being lost if one of the two processes ends in between, which the reader is told.
 */
export class SharedReplayLog implements ReplayLog {
  readonly #local: ObservedReplayLog;
  readonly #exchange: ReplayExchange;
  readonly #node: ReplayNode;

  /**
   * @param clock The clock of what it does with the database.
   * @throws {RangeError} If an option is out of its range.
   */
  constructor(
    exchange: ReplayExchange,
    options: SharedReplayLogOptions = {},
    clock: Clock = systemClock,
  ) {
    this.#exchange = exchange;
    this.#local = observedReplayLog(options, (run) => this.#node.forget(run));
    this.#node = new ReplayNode(exchange, this.#local, clock);
  }

  async create(run: string, owner: string): Promise<ReplayWriter> {
    const writer = await this.#local.create(run, owner);
    try {
      if (!await this.#node.register(run, owner)) {
        throw new TypeError(`Cannot start the run "${run}" as it exists`);
      }
      if (writer.signal.aborted) this.#node.forget(run); // its time was over at once
      return writer;
    } catch (error) {
      await this.#local.delete(run, owner);
      throw error;
    }
  }

  async open(run: string, owner: string, position: number): Promise<ReplayReader | undefined> {
    if (this.#node.has(run)) return await this.#local.open(run, owner, position);
    const place = await this.#findElsewhere(run, owner);
    if (place === undefined || !Number.isSafeInteger(position)) return undefined;
    await this.#node.start();
    return await RemoteReader.open(this.#node, { run, owner, position, node: place.node });
  }

  async delete(run: string, owner: string): Promise<boolean> {
    if (this.#node.has(run)) return await this.#local.delete(run, owner);
    const place = await this.#findElsewhere(run, owner);
    if (place === undefined) return false;
    await this.#node.start();
    return await this.#node.deleteAt(place.node, run, owner);
  }

  /** What this node has forgotten is gone, even if others are not told yet. */
  async #findElsewhere(run: string, owner: string): Promise<RunPlace | undefined> {
    const place = await this.#exchange.find(run);
    return place?.owner === owner && place.node !== this.#node.name ? place : undefined;
  }

  /** Ends the runs of this process, and what goes on in the background. The log must not be used after it. */
  close(): Promise<void> {
    return this.#node.close();
  }
}
