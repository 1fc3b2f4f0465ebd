import assert from "node:assert/strict";
import fc from "fast-check";
import { gunzipSync, inflateSync } from "node:zlib";
import { compressBody, decompressBody, type Envelope } from "../../../src/message/mod.ts";

function envelopeOf(body: Uint8Array, headers: Record<string, string> = {}): Envelope {
  return {
    id: "1",
    type: "noted",
    topic: "notes",
    source: "/",
    time: new Date(0),
    key: "k",
    correlationId: "1",
    contentType: "text/plain",
    headers,
    body,
  };
}

const text = "again and ".repeat(500);
const bytes = new TextEncoder().encode(text);

Deno.test("compressBody() makes what others can read, and says in a header what it is", async () => {
  const readers = { gzip: gunzipSync, deflate: inflateSync };
  for (const format of ["gzip", "deflate"] as const) {
    const plain = envelopeOf(bytes, { tenant: "t1" });
    const { headers, body, ...rest } = await compressBody(plain, { format });
    assert.deepEqual(headers, { tenant: "t1", "content-encoding": format });
    assert.ok(body.length < bytes.length / 10);
    assert.equal(readers[format](body).toString(), text);
    assert.deepEqual({ ...rest, headers: { tenant: "t1" }, body: bytes }, plain);
  }
});

Deno.test("compressBody() makes gzip unless it is told otherwise", async () => {
  const { headers } = await compressBody(envelopeOf(bytes));
  assert.equal(headers["content-encoding"], "gzip");
});

Deno.test("compressBody() leaves small bodies alone, of up to 1,023 bytes unless it is told otherwise", async () => {
  const small = envelopeOf(bytes.slice(0, 1_023));
  assert.equal(await compressBody(small), small);
  assert.notEqual((await compressBody(envelopeOf(bytes.slice(0, 1_024)))).headers, {});
  assert.equal(
    (await compressBody(envelopeOf(bytes.slice(0, 1_024)))).headers["content-encoding"],
    "gzip",
  );
  const smaller = envelopeOf(bytes.slice(0, 99));
  assert.equal(await compressBody(smaller, { minBytes: 100 }), smaller);
  assert.notEqual(await compressBody(smaller, { minBytes: 99 }), smaller);
});

Deno.test("compressBody() leaves alone what would not get smaller", async () => {
  const random = envelopeOf(crypto.getRandomValues(new Uint8Array(2_000)));
  assert.equal(await compressBody(random), random);
  const empty = envelopeOf(new Uint8Array(0));
  assert.equal(await compressBody(empty, { minBytes: 0 }), empty);
});

Deno.test("compressBody() leaves alone what is compressed, in whichever way", async () => {
  const once = await compressBody(envelopeOf(bytes));
  assert.equal(await compressBody(once, { minBytes: 0, format: "deflate" }), once);
  const foreign = envelopeOf(bytes, { "content-encoding": "br" });
  assert.equal(await compressBody(foreign), foreign);
});

Deno.test("compressBody() does not change the envelope that it is given", async () => {
  const headers = Object.freeze({ tenant: "t1" });
  const plain = Object.freeze(envelopeOf(bytes.slice(), headers));
  await compressBody(plain);
  assert.deepEqual(plain.body, bytes);
});

Deno.test("compressBody() takes bytes of shared memory, and a part of a buffer", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5_000));
  shared.set(bytes);
  const part = shared.subarray(10, 4_000);
  const back = await decompressBody(await compressBody(envelopeOf(part)));
  assert.deepEqual(back.body, bytes.slice(10, 4_000));
});

Deno.test("decompressBody() undoes compressBody(), whatever the bytes", async () => {
  const bodies = fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.integer({ min: 1, max: 200 }));
  await fc.assert(
    fc.asyncProperty(bodies, fc.constantFrom("gzip", "deflate"), async ([part, times], format) => {
      const body = new Uint8Array(part.length * times);
      for (let n = 0; n < times; n++) body.set(part, n * part.length);
      const plain = envelopeOf(body, { tenant: "t1" });
      const small = await compressBody(plain, { format, minBytes: 0 });
      assert.deepEqual(await decompressBody(small), plain);
    }),
    { numRuns: 50 },
  );
});

Deno.test("decompressBody() leaves alone what is not compressed", async () => {
  const plain = envelopeOf(bytes, { tenant: "t1" });
  assert.equal(await decompressBody(plain), plain);
});

Deno.test("decompressBody() refuses a way that it does not know", async () => {
  for (const format of ["br", "GZIP", "gzip, deflate", "identity", ""]) {
    await assert.rejects(decompressBody(envelopeOf(bytes, { "content-encoding": format })), {
      name: "TypeError",
      message: `Cannot decompress a body in the format "${format}"`,
    });
  }
});

Deno.test("decompressBody() refuses bytes that are broken", async () => {
  const whole = await compressBody(envelopeOf(bytes));
  const broken = {
    plain: bytes,
    short: whole.body.slice(0, -10),
    empty: new Uint8Array(0),
    long: new Uint8Array([...whole.body, 1, 2, 3]),
    changed: whole.body.map((byte, n) => n === whole.body.length - 5 ? byte ^ 1 : byte),
  };
  for (const [what, body] of Object.entries(broken)) {
    await assert.rejects(decompressBody({ ...whole, body }), TypeError, what);
  }
});
