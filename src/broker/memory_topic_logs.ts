import type { Envelope } from "../message/mod.ts";

interface TopicLog {
  /** How many messages have left. */
  gone: number;
  readonly messages: Envelope[];
}

/** The messages of topics, each with a place that it keeps. */
export class MemoryTopicLogs {
  readonly #maxMessages: number;
  readonly #logs: Map<string, TopicLog> = new Map();

  /** Of each topic so many are kept. */
  constructor(maxMessages: number) {
    this.#maxMessages = maxMessages;
  }

  append(message: Envelope): void {
    const log = this.#logs.get(message.topic) ?? { gone: 0, messages: [] };
    this.#logs.set(message.topic, log);
    log.messages.push(message);
    if (log.messages.length <= this.#maxMessages) return;
    log.messages.shift();
    log.gone++;
  }

  messages(topic: string): readonly Envelope[] {
    return [...this.#logs.get(topic)?.messages ?? []];
  }

  topics(): readonly string[] {
    return [...this.#logs.keys()];
  }

  at(topic: string, from: number): { place: number; message: Envelope } | undefined {
    const log = this.#logs.get(topic);
    const place = Math.max(from, log?.gone ?? 0);
    const message = log?.messages[place - log.gone];
    return message && { place, message };
  }
}
