import type { AMQPChannel } from "@cloudamqp/amqp-client";

/** How a group reads a topic. */
export interface QueueSettings {
  /** Whether one subscription reads at a time. */
  readonly isOrdered: boolean;
  /** How often a message is delivered until the server rejects it. */
  readonly deliveryLimit: number;
  /** Where rejected messages go; `undefined` drops them. */
  readonly deadLetters: "queue" | "drop" | { readonly exchange: string };
}

/**
 * The queue in which a group finds the messages of a topic. A colon in the name of the group is escaped,
 * so that no two groups and topics share a queue.
 */
export function queueOf(group: string, topic: string): string {
  return `${group.replaceAll("%", "%25").replaceAll(":", "%3A")}:${topic}`;
}

/** The queue in which the rejected messages of a queue wait for somebody to look at them. */
export function deadLetterQueueOf(queue: string): string {
  return `${queue}:dead`;
}

/** Makes the exchange of a topic, which hands each message to the queues of all groups. */
export async function declareTopic(channel: AMQPChannel, topic: string): Promise<void> {
  await channel.exchangeDeclare(topic, "topic", { durable: true });
}

/** Makes the queue of a group, with what it needs. */
export async function declareQueue(
  channel: AMQPChannel,
  group: string,
  topic: string,
  { isOrdered, deliveryLimit, deadLetters }: QueueSettings,
): Promise<void> {
  const queue = queueOf(group, topic);
  const args: Record<string, string | number | boolean> = {
    "x-queue-type": "quorum",
    // With a limit RabbitMQ puts what comes again at the head of the queue, and without one at its end.
    "x-delivery-limit": deliveryLimit,
  };
  if (isOrdered) args["x-single-active-consumer"] = true;
  if (deadLetters === "queue") {
    const dead = deadLetterQueueOf(queue);
    await channel.queueDeclare(dead, { durable: true }, { "x-queue-type": "quorum" });
    args["x-dead-letter-exchange"] = "";
    args["x-dead-letter-routing-key"] = dead;
  } else if (deadLetters !== "drop") {
    args["x-dead-letter-exchange"] = deadLetters.exchange;
  }
  await channel.queueDeclare(queue, { durable: true }, args);
  await channel.queueBind(queue, topic, "#");
}
