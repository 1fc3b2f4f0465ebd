import { laneOf } from "../../../../src/storage/mod.ts";
import type { PostgresRow } from "../../../../src/storage/postgres/client.ts";
import type { Holding } from "../../../../src/storage/postgres/holdings.ts";
import type { FlightRow } from "../../../../src/storage/postgres/in_flight.ts";

/** A partition that a session holds. */
export function holdingOf(topic: string, partition: number): Holding {
  return {
    topic,
    partition,
    keyed: laneOf({ topic, key: "", id: "" }),
    lonely: laneOf({ topic, id: "" }),
    inFlight: 0,
    cursor: "0",
    count: 0,
    mark: "0",
    isRewound: false,
    isLeft: false,
  };
}

/** The letters of a text are its key, "-" is none; its digits are its position. */
function partsOf(text: string): { readonly key: string | undefined; readonly position: string } {
  const key = text.replace(/\d+$/, "");
  return { key: key === "-" ? undefined : key, position: text.slice(key.length) };
}

/** A row that was given. */
export function flightOf(text: string, holding: Holding, more: Partial<FlightRow> = {}): FlightRow {
  const { key, position } = partsOf(text);
  const { topic } = holding;
  const envelope = {
    id: text,
    type: "noted",
    topic,
    source: "/",
    time: new Date(0),
    key,
    correlationId: text,
    contentType: "text/plain",
    headers: {},
    body: new Uint8Array(0),
  };
  const row = { position, lane: laneOf(envelope), attempts: 0, envelope };
  return { row, holding, isWaiting: false, ...more };
}

/** A row as a statement gives it. */
export function rowOf(text: string, pair: number, more: PostgresRow = {}): PostgresRow {
  const { key, position } = partsOf(text);
  return {
    pair,
    position,
    state: 0,
    key: key ?? null,
    id: text,
    type: "noted",
    attributes: '{"source":"/","time":0,"contentType":"text/plain"}',
    bytes: null,
    text,
    ...more,
  };
}
