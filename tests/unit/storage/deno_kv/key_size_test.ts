import fc from "fast-check";
import assert from "node:assert/strict";
import type { DenoKvKey } from "../../../../src/storage/deno_kv/deno_kv.ts";
import { keySize, utf8Size } from "../../../../src/storage/deno_kv/key_size.ts";
import { MAX_KEY_BYTES } from "../../../../src/storage/deno_kv/limits.ts";

const part = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ maxLength: 30 }),
  fc.constantFrom("\0", "a\0b\0", "\ud800", "\udc00\ud800", "🛟", "é€"),
  fc.double(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.constantFrom(0n, 255n, 256n, -256n, 2n ** 64n - 1n, 2n ** 64n),
  fc.boolean(),
  fc.uint8Array({ maxLength: 30 }),
);

/** Whether a key is taken, with another part that makes it longer by `pad + 2` bytes. */
async function fits(kv: Deno.Kv, key: DenoKvKey, pad: number): Promise<boolean> {
  try {
    await kv.atomic().delete([...key, "a".repeat(pad)]).commit();
    return true;
  } catch (error) {
    assert.match(String(error), /Key too large/);
    return false;
  }
}

Deno.test("keySize() is what Deno KV counts, for keys of any parts", async () => {
  using kv = await Deno.openKv(":memory:");
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), async (key) => {
      const pad = MAX_KEY_BYTES - keySize(key) - 2;
      assert.equal(await fits(kv, key, pad), true);
      assert.equal(await fits(kv, key, pad + 1), false);
    }),
    { numRuns: 300 },
  );
});

Deno.test("utf8Size() is how many bytes an encoder makes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(utf8Size(text), new TextEncoder().encode(text).length);
    }),
  );
  for (const text of ["\ud800", "a\udc00", "\udc00\ud800", "🛟\ud83d"]) {
    assert.equal(utf8Size(text), new TextEncoder().encode(text).length);
  }
});
