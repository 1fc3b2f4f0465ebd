import type { Codec, Observer, ObserverEvent } from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";

/** Resolves after all that can go on without a timer has gone on: for seeing that something does not happen. */
export async function settled(): Promise<void> {
  await new ManualClock().advance(0);
}

/** An observer that keeps what it sees. */
export interface Recorder {
  readonly observer: Observer;
  readonly seen: readonly ObserverEvent[];
  /** What was seen of one type. */
  of<T extends ObserverEvent["type"]>(type: T): Extract<ObserverEvent, { type: T }>[];
  /** What was seen, in short: the type of the event and of its message. */
  log(): string[];
}

/** Creates an observer that keeps what it sees. */
export function recorder(): Recorder {
  const seen: ObserverEvent[] = [];
  return {
    observer: (event) => void seen.push(event),
    seen,
    of<T extends ObserverEvent["type"]>(type: T) {
      return seen.filter((event): event is Extract<ObserverEvent, { type: T }> =>
        event.type === type
      );
    },
    log: () => seen.map((event) => `${event.type} ${subjectOf(event)}`),
  };
}

function subjectOf(event: ObserverEvent): string {
  if ("message" in event) return event.message.type;
  if ("envelope" in event) return event.envelope.type;
  if ("name" in event) return event.name;
  return event.messages.map(({ type }) => type).join(" ");
}

/** Counts how many runs are under way, and how many were at most. */
export interface Gauge {
  readonly current: number;
  readonly most: number;
  /** Counts `run` while it lasts. */
  run<T>(run: () => Promise<T>): Promise<T>;
}

/** Creates a gauge. */
export function gauge(): Gauge {
  let current = 0;
  let most = 0;
  return {
    get current() {
      return current;
    },
    get most() {
      return most;
    },
    async run(run) {
      most = Math.max(most, ++current);
      try {
        return await run();
      } finally {
        current--;
      }
    },
  };
}

/** The body of a published message, decoded from JSON. */
export function bodyOf({ body }: { readonly body: Uint8Array }): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}

/** A codec that answers later, and refuses negative numbers. */
export const lateCodec: Codec = {
  contentType: "application/x-late",
  async encode(data) {
    await Promise.resolve();
    if (Number(data) < 0) throw new RangeError("Negative");
    return new TextEncoder().encode(JSON.stringify(data));
  },
  decode: () => undefined,
};
