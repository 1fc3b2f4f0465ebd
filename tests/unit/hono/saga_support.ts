/** What the tests of sagas over HTTP share: an order, whose steps can be held up and can fail. */

import { Hono } from "hono";
import assert from "node:assert/strict";
import { type App, bootstrap, handlers } from "../../../mod.ts";
import { routes, type SagaRouteOptions, type SseRouteOptions } from "../../../src/hono/mod.ts";
import { saga, sagaRecovery } from "../../../src/saga/mod.ts";
import { memoryStorage } from "../../../src/storage/memory/mod.ts";
import { parseSse, type SseMessage } from "../../../src/stream/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { z } from "zod";
import { post } from "./support.ts";

/** What happens at a step: nothing, unless a test says so. */
export type Hook = (step: string, idempotencyKey: string) => unknown;

/** Defines the saga of the tests. */
function orderOf(hook: Hook, log: string[]) {
  const at = async (step: string, key: string) => {
    log.push(key);
    await hook(step, key);
  };
  return saga("order", { version: 1, context: z.object({ item: z.string() }) })
    .step("reserve", {
      act: async ({ item }, { idempotencyKey }) => {
        await at("reserve", idempotencyKey);
        return { place: `${item}!` };
      },
      compensate: (_, { idempotencyKey }) => at("-reserve", idempotencyKey),
    })
    .step("charge", {
      act: async (_, { idempotencyKey }) => {
        await at("charge", idempotencyKey);
        return { cents: 5 };
      },
    })
    .step("ship", (_, { idempotencyKey }) => at("ship", idempotencyKey));
}

/** Defines one that waits for a signal between two steps. */
function approvalOf() {
  return saga("approval", { version: 1, context: z.object({ item: z.string() }) })
    .step("ask", () => ({ isAsked: true }))
    .waitFor("answer", { data: z.object({ isFine: z.boolean() }) })
    .step("act", () => {});
}

/** The definition of the saga of the tests. */
export type Order = ReturnType<typeof orderOf>;

/** One that waits for a signal. */
export type Approval = ReturnType<typeof approvalOf>;

/** A place where sagas are kept, and servers come and go. */
export interface House {
  /** The clock of the leases. */
  readonly clock: ManualClock;
  readonly storage: ReturnType<typeof memoryStorage>;
  /** The idempotency keys of what was done, in its order. */
  readonly log: string[];
}

/** Opens a place without sagas. */
export function openHouse(): House {
  const clock = new ManualClock();
  return { clock, storage: memoryStorage({ clock }), log: [] };
}

/** A server with the saga of the tests. */
export interface Server {
  readonly app: App<ReturnType<Order> | ReturnType<Approval>>;
  readonly Order: Order;
  readonly Approval: Approval;
  readonly api: Hono;
  /** Starts an order. */
  start(item: string, headers?: HeadersInit): Promise<Response>;
  /** Comes back to an order. */
  back(id: string, lastEventId?: string, headers?: HeadersInit): Promise<Response>;
  /** Goes on with everything that nobody goes on with. */
  recover(): Promise<unknown>;
}

/** What a test says of a server. */
export interface ServerOptions {
  readonly hook?: Hook;
  /** Whether it says no more that it lives, and its timers are none. */
  readonly isFrozen?: boolean;
  readonly routes?: SseRouteOptions & SagaRouteOptions<{ item: string }>;
  readonly house?: House;
}

/** Opens a server. */
export function openServer(
  { hook = () => {}, isFrozen = false, routes: options = {}, house = openHouse() }: ServerOptions =
    {},
): Server & House {
  const Order = orderOf(hook, house.log);
  const Approval = approvalOf();
  const app = bootstrap(handlers().saga(Order).saga(Approval), {
    storage: house.storage,
    sagas: { pollMs: 1 },
    ...(isFrozen ? { clock: new ManualClock() } : {}),
  });
  const http = routes(app);
  const api = new Hono()
    .all("/orders", http.sse(Order, options))
    .all("/other", http.sse(Order, options))
    .all("/sent", http.send(Order, options))
    .all("/approvals", http.sse(Approval, { principal: options.principal }))
    .post("/approvals/sent", http.send(Approval));
  return {
    ...house,
    app,
    Order,
    Approval,
    api,
    start: async (item, headers) => await api.request("/orders", post({ item }, headers)),
    back: async (id, lastEventId, headers = {}) =>
      await api.request(`/orders?sluice_run=${encodeURIComponent(id)}`, {
        headers: {
          ...Object.fromEntries(new Headers(headers)),
          ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
        },
      }),
    recover: () => sagaRecovery(app).tick({ budgetMs: 10_000 }),
  };
}

/** The id of the saga that a response tells of. */
export function idOf(response: Response): string {
  const run = /^\?sluice_run=([^&]+)$/.exec(response.headers.get("location") ?? "")?.[1];
  assert.ok(run !== undefined, `${response.status}`);
  return decodeURIComponent(run);
}

/** Reads events until there are `count`, then cuts the connection. */
export async function readEvents(response: Response, count: number): Promise<SseMessage[]> {
  assert.ok(response.body);
  const events: SseMessage[] = [];
  for await (const event of parseSse(response.body)) {
    if (events.push(event) === count) break;
  }
  return events;
}

/** What an event says, without the id of the saga. */
export function plain({ event, data, lastEventId }: SseMessage): string {
  const number = lastEventId.replace(/^.*:/, "");
  if (event !== "item") return `${number} ${event}`;
  const { name, status } = JSON.parse(data);
  return `${number} ${name} ${status}`;
}

/** The progress of an order that is completed, uncut. */
export const UNCUT: readonly string[] = [
  "0 start",
  "2 reserve completed",
  "4 charge completed",
  "6 ship completed",
  "end done",
];
