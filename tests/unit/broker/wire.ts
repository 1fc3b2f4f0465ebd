/** Messages on the wire, as the tests of formats have them. */

import type { WireContext, WireMessage } from "../../../src/broker/mod.ts";
import type { Envelope } from "../../../src/message/mod.ts";

export const encoder: TextEncoder = new TextEncoder();

/** Where messages come from. */
export const context: WireContext = {
  topic: "orders",
  fallbackId: "orders/3/14",
  time: new Date("2026-03-01T12:00:00Z"),
};

/** An envelope that has everything. */
export const placed: Envelope = {
  id: "019c0000-0000-7000-8000-000000000001",
  type: "order.placed",
  topic: "orders",
  source: "/shop",
  time: new Date("2026-02-03T04:05:06.789Z"),
  key: "o1",
  correlationId: "019c0000-0000-7000-8000-000000000002",
  causationId: "019c0000-0000-7000-8000-000000000003",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  schemaVersion: "2",
  contentType: "application/json",
  headers: { tenant: "t1" },
  body: encoder.encode('{"total":5}'),
};

/** A message as another sender might write it. */
export function wireMessage(message: Partial<WireMessage> = {}): WireMessage {
  return {
    key: undefined,
    contentType: "application/json",
    headers: {},
    body: encoder.encode("{}"),
    ...message,
  };
}
