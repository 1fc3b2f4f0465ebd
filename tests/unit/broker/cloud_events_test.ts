import assert from "node:assert/strict";
import { cloudEvents, unreadEnvelope } from "../../../src/broker/mod.ts";
import { context, placed, wireMessage } from "./wire.ts";

const format = cloudEvents({ prefix: "ce_" });

/** The least that another sender has to write. */
const least = { "ce_specversion": "1.0", "ce_id": "m1", "ce_source": "/", "ce_type": "noted" };

const readHeaders = (headers: Record<string, string>) =>
  format.read(wireMessage({ headers: { ...least, ...headers } }), context);

Deno.test("cloudEvents() writes each attribute into a header, and the body as it is", () => {
  assert.deepEqual(format.write(placed), {
    key: "o1",
    contentType: "application/json",
    headers: {
      "ce_specversion": "1.0",
      "ce_id": placed.id,
      "ce_source": "/shop",
      "ce_type": "order.placed",
      "ce_time": "2026-02-03T04:05:06.789Z",
      "ce_partitionkey": "o1",
      "ce_correlationid": placed.correlationId,
      "ce_causationid": placed.causationId,
      "ce_traceparent": placed.traceparent,
      "ce_schemaversion": "2",
      tenant: "t1",
    },
    body: placed.body,
  });
});

Deno.test("cloudEvents() writes no attribute for what is missing or empty", () => {
  const { key, headers } = format.write({
    ...placed,
    key: "",
    causationId: undefined,
    traceparent: undefined,
    schemaVersion: "",
  });
  assert.equal(key, "");
  const names = ["ce_partitionkey", "ce_causationid", "ce_traceparent", "ce_schemaversion"];
  assert.deepEqual(names.filter((name) => name in headers), []);
});

for (const prefix of ["ce_", "cloudEvents_", "cloudEvents:", "ce-"]) {
  Deno.test(`cloudEvents() reads with the prefix "${prefix}" what it wrote`, () => {
    const same = cloudEvents({ prefix });
    const strange = {
      ...placed,
      source: "/Käse shop?q=100%",
      key: 'a "b" ❤',
      headers: { ...placed.headers, [`${prefix}subject`]: "Bücher 1%" },
    };
    assert.deepEqual(same.read(same.write(strange), context), strange);
  });
}

Deno.test("cloudEvents() reads what has only the required attributes", () => {
  assert.deepEqual(readHeaders({}), {
    id: "m1",
    type: "noted",
    topic: "orders",
    source: "/",
    time: context.time,
    key: undefined,
    correlationId: "m1",
    causationId: undefined,
    traceparent: undefined,
    schemaVersion: undefined,
    contentType: "application/json",
    headers: {},
    body: new TextEncoder().encode("{}"),
  });
});

for (const name of ["ce_id", "ce_source", "ce_type"]) {
  Deno.test(`cloudEvents() refuses to read a message whose ${name} is missing or empty`, () => {
    const { [name as "ce_id"]: _, ...headers } = least;
    const expected = {
      name: "TypeError",
      message: `Cannot read a message without the attribute "${name.slice(3)}"`,
    };
    assert.throws(() => format.read(wireMessage({ headers }), context), expected);
    assert.throws(() => readHeaders({ [name]: "" }), expected);
  });
}

Deno.test("cloudEvents() refuses to read other versions, and what has nothing to do with it", () => {
  assert.throws(() => readHeaders({ "ce_specversion": "0.3" }), {
    name: "TypeError",
    message: 'Cannot read a message of CloudEvents "0.3"',
  });
  assert.throws(() => format.read(wireMessage({ headers: { id: "m1" } }), context), {
    name: "TypeError",
    message: "Cannot read a message without the attributes of CloudEvents",
  });
});

const times = [
  ["2026-02-03T04:05:06Z", "2026-02-03T04:05:06.000Z"],
  ["2026-02-03T04:05:06.123456789Z", "2026-02-03T04:05:06.123Z"],
  ["2026-02-03T04:05:06.5+05:30", "2026-02-02T22:35:06.500Z"],
  ["2026-02-03t04:05:06z", "2026-02-03T04:05:06.000Z"],
] as const;
for (const [text, expected] of times) {
  Deno.test(`cloudEvents() reads the time ${text}`, () => {
    assert.equal(readHeaders({ "ce_time": text }).time.toISOString(), expected);
  });
}

for (const text of ["yesterday", "2026-02-03T04:05:06", "2026-02-03", "2026-13-03T04:05:06Z"]) {
  Deno.test(`cloudEvents() refuses the time ${text}`, () => {
    assert.throws(() => readHeaders({ "ce_time": text }), {
      name: "TypeError",
      message: `Cannot read the time "${text}"`,
    });
  });
}

Deno.test("cloudEvents() takes the broker's time and key where a message has none", () => {
  const message = wireMessage({
    key: "k",
    headers: { ...least, "ce_time": "", "ce_partitionkey": "" },
  });
  const read = format.read(message, context);
  assert.equal(read.time, context.time);
  assert.equal(read.key, "k");
  const nowhere = format.read(message, { ...context, time: undefined });
  assert.equal(nowhere.time.getTime(), 0);
});

Deno.test("cloudEvents() prefers the attribute to the key of the broker", () => {
  const message = wireMessage({ key: "k", headers: { ...least, "ce_partitionkey": "p" } });
  assert.equal(format.read(message, context).key, "p");
});

Deno.test("cloudEvents() keeps attributes that it does not know, and writes them again", () => {
  const headers = { "ce_subject": "o/1", "ce_tracestate": "a=1", tenant: "t1" };
  const read = readHeaders(headers);
  assert.deepEqual(read.headers, headers);
  const written = format.write(read).headers;
  assert.equal(written["ce_subject"], "o/1");
  assert.equal(written["ce_tracestate"], "a=1");
});

Deno.test("cloudEvents() reads names in any case, and leaves those of other headers alone", () => {
  const headers = {
    "CE_SpecVersion": "1.0",
    "Ce_Id": "m1",
    "CE_SOURCE": "/",
    "ce_Type": "noted",
    "Tenant": "t",
  };
  const read = format.read(wireMessage({ headers }), context);
  assert.equal(read.id, "m1");
  assert.deepEqual(read.headers, { Tenant: "t" });
});

Deno.test("cloudEvents() takes the media type from an attribute where the header is missing", () => {
  const headers = { ...least, "ce_datacontenttype": "text/plain" };
  const bare = format.read(wireMessage({ contentType: undefined, headers }), context);
  assert.equal(bare.contentType, "text/plain");
  const both = format.read(wireMessage({ headers }), context);
  assert.equal(both.contentType, "application/json");
  assert.deepEqual(both.headers, {});
  const none = format.read(wireMessage({ contentType: undefined, headers: least }), context);
  assert.equal(none.contentType, "application/octet-stream");
});

Deno.test("cloudEvents() understands other prefixes, and keeps what it does not know under its own", () => {
  const both = cloudEvents({ prefix: "cloudEvents_", alsoReads: ["cloudEvents:"] });
  const { headers, ...message } = cloudEvents({ prefix: "cloudEvents:" }).write(placed);
  const read = both.read(
    { ...message, headers: { ...headers, "cloudEvents:subject": "s" } },
    context,
  );
  assert.deepEqual(read, { ...placed, headers: { tenant: "t1", "cloudEvents_subject": "s" } });
  assert.deepEqual(both.read(both.write(placed), context), placed);
});

for (
  const name of ["ce_id", "CE_Time", "ce_partitionkey", "ce_causationid", "ce_datacontenttype"]
) {
  Deno.test(`cloudEvents() refuses to write a header ${name} of the application's own`, () => {
    const envelope = {
      ...placed,
      key: undefined,
      causationId: undefined,
      headers: { [name]: "x" },
    };
    assert.throws(() => format.write(envelope), {
      name: "TypeError",
      message: `Cannot send the header "${name}" as CloudEvents has it`,
    });
  });
}

Deno.test("cloudEvents() refuses an empty prefix", () => {
  const expected = {
    name: "TypeError",
    message: "Cannot tell attributes from other headers as a prefix is empty",
  };
  assert.throws(() => cloudEvents({ prefix: "" }), expected);
  assert.throws(() => cloudEvents({ prefix: "ce_", alsoReads: [""] }), expected);
});

Deno.test("cloudEvents() writes a message that could not be read as it came", () => {
  const message = wireMessage({ key: "k", headers: { ...least, "ce_time": "yesterday" } });
  assert.deepEqual(format.write(unreadEnvelope(message, context)), message);
});

Deno.test("cloudEvents() encodes values for HTTP as its binding has it", () => {
  const http = cloudEvents({ prefix: "ce-" });
  const { headers } = http.write({ ...placed, source: '/Euro € 😀 "x" 50%', headers: {} });
  assert.equal(headers["ce-source"], "/Euro%20%E2%82%AC%20%F0%9F%98%80%20%22x%22%2050%25");
  assert.equal(headers["ce-traceparent"], placed.traceparent);
});

Deno.test("cloudEvents() reads from HTTP what is quoted, and what was not encoded", () => {
  const http = cloudEvents({ prefix: "ce-" });
  const headers = {
    "Ce-Specversion": "1.0",
    "Ce-Id": '"a \\"b\\" %C3%A9"',
    "Ce-Source": "/100%",
    "Ce-Type": "noted",
  };
  const read = http.read(wireMessage({ headers }), context);
  assert.equal(read.id, 'a "b" é');
  assert.equal(read.source, "/100%");
});
