import type { Envelope } from "../message/mod.ts";

/** What is published of a message that was given up: itself, with headers that say why. */
export function deadLetterCopy(
  topic: string,
  { envelope, consumer, attempts, error, position }: {
    readonly envelope: Envelope;
    readonly consumer: string;
    readonly attempts: number;
    readonly error: string;
    readonly position: string;
  },
): Envelope {
  return {
    ...envelope,
    topic,
    headers: {
      ...envelope.headers,
      "dead-letter-consumer": consumer,
      "dead-letter-topic": envelope.topic,
      "dead-letter-position": position,
      "dead-letter-attempts": String(attempts),
      "dead-letter-error": error,
    },
  };
}
