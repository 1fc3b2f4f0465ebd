import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { comesAgain } from "./amqp_message.ts";

/** A message that is here and unsettled. */
export interface Arrival {
  readonly message: AMQPMessage;
  readonly topic: string;
  readonly lost: AbortController;
}

/** What was put back into a queue and has not come again. */
interface Returning {
  readonly message: AMQPMessage;
  /** How many messages can be on their way that the server sent before it knew. */
  onTheirWay: number;
}

/**
 * What a channel has delivered and is not settled, in the order in which it came.
 *
 * A message that is put back stands at the head of its queue, and so do those that follow it when they are
 * put back after it. So the order holds if all that the server has sent after it goes back with it: what is
 * here, and what arrives until it comes again.
 */
export class Unsettled {
  readonly #maxUnsettled: number;
  readonly #keepsOrder: boolean;
  readonly #arrivals: Set<Arrival> = new Set();
  readonly #returning: Map<string, Returning> = new Map();

  constructor(maxUnsettled: number, keepsOrder: boolean) {
    this.#maxUnsettled = maxUnsettled;
    this.#keepsOrder = keepsOrder;
  }

  /** Adds what has arrived; or else says that it has to be put back. */
  add(arrival: Arrival): boolean {
    const { topic, message } = arrival;
    const returning = this.#returning.get(topic);
    if (returning !== undefined) {
      if (!comesAgain(returning.message, message) && returning.onTheirWay-- > 0) return false;
      this.#returning.delete(topic);
    }
    this.#arrivals.add(arrival);
    return true;
  }

  /** Takes one out, unless it was settled or lost before. */
  take(arrival: Arrival): boolean {
    return this.#arrivals.delete(arrival);
  }

  /**
   * Takes out one that is to come again, with those that have to come after it. They have to be put back in
   * the order in which they are here.
   */
  takeBack(arrival: Arrival): readonly Arrival[] {
    const ofTopic = [...this.#arrivals].filter(({ topic }) => topic === arrival.topic);
    const from = ofTopic.indexOf(arrival);
    if (from === -1) return [];
    const taken = this.#keepsOrder ? ofTopic.slice(from) : [arrival];
    for (const each of taken) this.#arrivals.delete(each);
    const onTheirWay = this.#maxUnsettled - ofTopic.length;
    if (this.#keepsOrder) {
      this.#returning.set(arrival.topic, { message: arrival.message, onTheirWay });
    }
    return taken;
  }

  /** Forgets all, as the channel is gone. */
  lose(reason: unknown): void {
    for (const { lost } of this.#arrivals) lost.abort(reason);
    this.#arrivals.clear();
    this.#returning.clear();
  }
}
