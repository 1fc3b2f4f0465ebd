import fc from "fast-check";
import { HonoRequest } from "hono/request";
import assert from "node:assert/strict";
import { secretCheck } from "../../../src/hono/secret.ts";

const SECRET = "0123456789abcdef";
const OTHER = "fedcba9876543210";

/** A request with a header `authorization`, if one is given. */
function requestWith(authorization?: string): HonoRequest {
  const headers = authorization === undefined ? {} : { authorization };
  return new HonoRequest(new Request("http://localhost/", { headers }));
}

for (
  const [what, authorization] of [
    ["as it is written", `Bearer ${SECRET}`],
    ["with the scheme in any case", `bEARER ${SECRET}`],
    ["after several blanks", `Bearer   ${SECRET}`],
    ["with blanks around, which are no part of a header", ` Bearer ${SECRET} `],
  ] as const
) {
  Deno.test(`secretCheck() accepts the secret ${what}`, async () => {
    assert.equal(await secretCheck(SECRET)(requestWith(authorization)), true);
  });
}

for (
  const [what, authorization] of [
    ["no header", undefined],
    ["an empty header", ""],
    ["the scheme alone", "Bearer"],
    ["an empty secret", "Bearer "],
    ["another secret", `Bearer ${OTHER}`],
    ["a beginning of the secret", `Bearer ${SECRET.slice(0, -1)}`],
    ["more than the secret", `Bearer ${SECRET}0`],
    ["the secret in another case", `Bearer ${SECRET.toUpperCase()}`],
    ["the secret twice", `Bearer ${SECRET} ${SECRET}`],
    ["the secret in a list", `Bearer ${SECRET}, Bearer ${SECRET}`],
    ["the secret without a scheme", SECRET],
    ["the secret without a blank", `Bearer${SECRET}`],
    ["another scheme", `Basic ${SECRET}`],
    ["another scheme around", `Basic Bearer ${SECRET}`],
    ["a long text", `Bearer ${"x".repeat(100_000)}`],
    ["many blanks", `Bearer ${" ".repeat(100_000)}x y`],
  ] as const
) {
  Deno.test(`secretCheck() refuses ${what}`, async () => {
    assert.equal(await secretCheck(SECRET)(requestWith(authorization)), false);
  });
}

Deno.test("secretCheck() refuses any header that is not the secret, and never fails", async () => {
  const check = secretCheck([SECRET, OTHER]);
  const text = fc.stringMatching(/^[\x20-\x7e]*$/);
  const header = fc.oneof(
    text,
    text.map((given) => `Bearer ${given}`),
    fc.tuple(text, text).map(([before, after]) => `${before}Bearer ${SECRET}${after}`),
  );
  await fc.assert(
    fc.asyncProperty(header, async (authorization) => {
      const isSecret = /^bearer +(0123456789abcdef|fedcba9876543210)$/i.test(authorization.trim());
      const isExact = authorization.includes(SECRET) || authorization.includes(OTHER);
      assert.equal(await check(requestWith(authorization)), isSecret && isExact);
    }),
  );
});

Deno.test("secretCheck() accepts each of several secrets, and no other", async () => {
  const check = secretCheck([SECRET, OTHER]);
  assert.equal(await check(requestWith(`Bearer ${SECRET}`)), true);
  assert.equal(await check(requestWith(`Bearer ${OTHER}`)), true);
  assert.equal(await check(requestWith(`Bearer ${SECRET}${OTHER}`)), false);
});

for (
  const secret of [
    "",
    "0123456789abcde",
    "0123456789 abcdef",
    "0123456789\nabcdef",
    "ünguessable-secret",
    [SECRET, "short"],
  ]
) {
  Deno.test(`secretCheck() refuses to work with ${JSON.stringify(secret)}, and does not repeat it`, () => {
    assert.throws(() => secretCheck(secret), (error: Error) => {
      assert.equal(error.name, "RangeError");
      assert.match(error.message, /at least 16 characters/);
      assert.doesNotMatch(error.message, /0123|short|guess/);
      return true;
    });
  });
}

Deno.test("secretCheck() refuses to work without a secret", () => {
  assert.throws(() => secretCheck([]), { name: "TypeError" });
  for (const secret of [undefined, null, 7, [undefined]]) {
    // @ts-expect-error -- JavaScript can
    assert.throws(() => secretCheck(secret), { name: "TypeError" });
  }
});
