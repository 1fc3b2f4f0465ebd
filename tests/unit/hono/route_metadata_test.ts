import { Hono } from "hono";
import assert from "node:assert/strict";
import { bootstrap, handlers, type MessageMetadata, query } from "../../../mod.ts";
import { routes } from "../../../src/hono/mod.ts";

const Read = query("read").returns<Partial<MessageMetadata>>();

const http = routes(
  bootstrap(
    handlers().on(Read, (_, { message: { metadata } }) => ({
      traceparent: metadata.traceparent,
      correlationId: metadata.correlationId,
    })),
  ),
);

/** The metadata of the message that a request with one header becomes. */
async function metadataWith(name: string, value: string): Promise<Partial<MessageMetadata>> {
  const api = new Hono().get("/", http.send(Read));
  return await (await api.request("/", { headers: { [name]: value } })).json();
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Deno.test("routes() take the trace context of a request over to its message", async () => {
  assert.deepEqual(await metadataWith("traceparent", traceparent), { traceparent });
});

for (
  const [what, value] of [
    ["a text", "x"],
    ["an unknown version", traceparent.replace(/^00/, "ff")],
    ["no trace id", traceparent.replace(/0af\w+/, "0".repeat(32))],
    ["no parent id", traceparent.replace(/b7a\w+/, "0".repeat(16))],
    ["capitals", traceparent.toUpperCase()],
    ["something behind", `${traceparent}-x`],
  ] as const
) {
  Deno.test(`routes() leave out a trace context with ${what}`, async () => {
    assert.deepEqual(await metadataWith("traceparent", value), {});
  });
}

Deno.test("routes() take the correlation id of a request over to its message", async () => {
  assert.deepEqual(await metadataWith("x-correlation-id", "order-7"), { correlationId: "order-7" });
});

for (const value of ["", "two words", "\u00e9", "x".repeat(129)]) {
  Deno.test(`routes() leave out the correlation id "${value.slice(0, 10)}"`, async () => {
    assert.deepEqual(await metadataWith("x-correlation-id", value), {});
  });
}
