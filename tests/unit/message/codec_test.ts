import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonCodec, MessageDecodeError } from "../../../src/message/mod.ts";

const codec = jsonCodec();

Deno.test("jsonCodec() gives back any JSON value that it encoded", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }), async (value) => {
      const decoded = await codec.decode(await codec.encode(value));
      // JSON has no negative zero, which a strict comparison would notice.
      assert.deepEqual(decoded, JSON.parse(JSON.stringify(value)));
    }),
  );
});

Deno.test("jsonCodec() writes UTF-8", async () => {
  assert.deepEqual(await codec.encode("ü"), new TextEncoder().encode('"ü"'));
});

Deno.test("jsonCodec() says that its bytes are JSON", () => {
  assert.equal(codec.contentType, "application/json");
});

for (const [description, data] of [["undefined", undefined], ["a function", () => {}]] as const) {
  Deno.test(`jsonCodec() refuses ${description}, which JSON has no form for`, () => {
    assert.throws(() => codec.encode(data), {
      name: "TypeError",
      message: `Cannot encode ${typeof data} as JSON`,
    });
  });
}

for (
  const [description, bytes] of [
    ["text that is no JSON", new TextEncoder().encode("{nope")],
    ["nothing at all", new Uint8Array()],
    ["bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
  ] as const
) {
  Deno.test(`jsonCodec() does not decode ${description}`, () => {
    assert.throws(() => codec.decode(bytes));
  });
}

Deno.test("a MessageDecodeError holds the bytes, the type and the cause", () => {
  const cause = new SyntaxError("Unexpected");
  const bytes = new Uint8Array([1, 2, 3]);
  const error = new MessageDecodeError(bytes, "user.joined", { cause });
  assert.equal(error.bytes, bytes);
  assert.equal(error.messageType, "user.joined");
  assert.equal(error.cause, cause);
  assert.equal(error.message, 'Cannot decode 3 bytes as data of "user.joined"');
});
