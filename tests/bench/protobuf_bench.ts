/**
 * The codecs, each beside the library that does its work. The message is of the size of an event,
 * with a few fields within it.
 *
 * On a machine that others use too, ratios within one run say more than times:
 * `deno run tests/bench/protobuf_bench.ts ratios` measures the ways in turns.
 */

// deno-lint-ignore-file no-console -- the ratios are for the reader

import { jsonCodec } from "@sluice/cqrs";
import { protobufCodec, registryProtobufCodec, type SchemaRegistry } from "@sluice/cqrs/protobuf";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { OrderPlacedSchema } from "../../examples/protobuf/order_events_pb.ts";

const init: MessageInitShape<typeof OrderPlacedSchema> = {
  orderId: "0192c1f0-7a5c-7000-8000-000000000001",
  lines: [{ article: "lamp", count: 2 }, { article: "desk", count: 1 }],
  totalCents: 129_900n,
  placedAt: timestampFromDate(new Date("2026-01-02T03:04:05.678Z")),
};
const message = create(OrderPlacedSchema, init);
const bytes = toBinary(OrderPlacedSchema, message);

/** A registry that gives the id 1, for what no network has a part in. */
const registry: SchemaRegistry = {
  register: () => Promise.resolve(1),
  lookUp: () => Promise.resolve({ id: 1, version: 1 }),
  schemaById: () => Promise.resolve({ schemaType: "PROTOBUF", schema: "syntax", references: [] }),
};
const protobuf = protobufCodec(OrderPlacedSchema);
const framed = registryProtobufCodec(OrderPlacedSchema, { registry });
const frame = await framed.encode(message);
await framed.decode(frame);

function frameByHand(): Uint8Array {
  const payload = toBinary(OrderPlacedSchema, message);
  const whole = new Uint8Array(6 + payload.length);
  whole[4] = 1;
  whole.set(payload, 6);
  return whole;
}

const data = { ...init, totalCents: 129_900, placedAt: "2026-01-02T03:04:05.678Z" };
const json = jsonCodec();
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const text = encoder.encode(JSON.stringify(data));

const cases: Readonly<Record<string, readonly (readonly [string, () => unknown])[]>> = {
  "protobuf, encode a message": [
    ["toBinary()", () => toBinary(OrderPlacedSchema, message)],
    ["protobufCodec()", () => protobuf.encode(message)],
  ],
  "protobuf, encode a message in a frame": [
    ["toBinary() behind a head", () => frameByHand()],
    ["registryProtobufCodec()", () => framed.encode(message)],
  ],
  "protobuf, encode what initialises a message": [
    ["toBinary(create())", () => toBinary(OrderPlacedSchema, create(OrderPlacedSchema, init))],
    ["protobufCodec()", () => protobuf.encode(init)],
  ],
  "protobuf, decode": [
    ["fromBinary()", () => fromBinary(OrderPlacedSchema, bytes)],
    ["protobufCodec()", () => protobuf.decode(bytes)],
  ],
  "protobuf, decode a message in a frame": [
    ["fromBinary() behind a head", () => fromBinary(OrderPlacedSchema, frame.subarray(6))],
    ["registryProtobufCodec()", () => framed.decode(frame)],
  ],
  "JSON, encode": [
    ["TextEncoder of JSON.stringify()", () => encoder.encode(JSON.stringify(data))],
    ["jsonCodec()", () => json.encode(data)],
  ],
  "JSON, decode": [
    ["JSON.parse() of TextDecoder", () => JSON.parse(decoder.decode(text))],
    ["jsonCodec()", () => json.decode(text)],
  ],
};

for (const [group, ways] of Object.entries(cases)) {
  for (const [index, [name, run]] of ways.entries()) {
    Deno.bench({
      name,
      group,
      baseline: index === 0,
      fn: () => {
        run();
      },
    });
  }
}

const [mode] = Deno.args;
if (mode === "ratios") {
  for (const [group, [baseline, ...ways]] of Object.entries(cases)) {
    if (baseline === undefined) continue;
    for (const way of ways) {
      const ratio = measureRatio(baseline[1], way[1]);
      console.log(`${group}: ${way[0]} takes ${ratio.toFixed(2)} times what ${baseline[0]} takes`);
    }
  }
}

/** The median over rounds in which both have their turns right after each other. */
function measureRatio(baseline: () => unknown, run: () => unknown): number {
  const ratios = Array.from({ length: 120 }, () => timeOf(run) / timeOf(baseline))
    .slice(20) // until both are compiled
    .sort((a, b) => a - b);
  return ratios[ratios.length / 2] ?? NaN;
}

function timeOf(run: () => unknown): number {
  const startedMs = performance.now();
  for (let i = 0; i < 4_000; i++) run();
  return performance.now() - startedMs;
}
