/**
 * Rows of an outbox, for tests that need no storage.
 *
 * @module
 */

import type { Envelope } from "../../../src/message/envelope.ts";
import type { OutboxRow } from "../../../src/storage/outbox_session.ts";

/** An envelope whose id is its name, on the topic "t". */
export function envelope(id: string, key?: string): Envelope {
  return {
    id,
    type: "noted",
    topic: "t",
    source: "/",
    time: new Date(0),
    key,
    correlationId: id,
    contentType: "application/json",
    headers: {},
    body: new TextEncoder().encode(JSON.stringify(id)),
  };
}

/** Rows named by their lane and number, such as "a1 a2 b1". */
export function rows(names: string, attempts = 0): OutboxRow[] {
  return names.split(" ").map((name) => ({
    position: name,
    lane: name.slice(0, 1),
    attempts,
    envelope: envelope(name, name.slice(0, 1)),
  }));
}
