import assert from "node:assert/strict";
import {
  attemptsText,
  durationText,
  escapeText,
  nameText,
  oneLine,
  shorten,
} from "../../../src/mermaid/text.ts";

Deno.test("shorten() leaves a name of 30 characters as it is", () => {
  assert.equal(shorten("a".repeat(30)), "a".repeat(30));
});

Deno.test("shorten() cuts a name of 31 characters to 27 and three points", () => {
  assert.equal(shorten("a".repeat(31)), `${"a".repeat(27)}...`);
});

Deno.test("shorten() counts characters, and never cuts one in two", () => {
  assert.equal(shorten("🚀".repeat(30)), "🚀".repeat(30));
  assert.equal(shorten("🚀".repeat(31)), `${"🚀".repeat(27)}...`);
});

Deno.test("oneLine() makes one space of what breaks lines or cannot be seen", () => {
  assert.equal(oneLine("\n a\r\n\tb\u0000\u202ec\u2028d "), "a b c d");
});

Deno.test("oneLine() gives what cannot be seen a name", () => {
  assert.equal(oneLine("\u200b\n"), "unnamed");
});

Deno.test("oneLine() replaces halves of characters", () => {
  assert.equal(oneLine("a\ud800"), "a\ufffd");
});

Deno.test("oneLine() takes Mermaid's own marks apart", () => {
  assert.equal(oneLine("ﬂ°°35¶ß, Straße"), "fl°°35¶ ß, Straße");
});

Deno.test("escapeText() leaves names of programs and of people as they are", () => {
  for (
    const name of [
      "ReserveGoods",
      "reserve_goods",
      "order.place",
      "a-b/c",
      "v1.5",
      "Straße 日本語 🚀",
    ]
  ) {
    assert.equal(escapeText(name), name);
  }
});

Deno.test("escapeText() writes what may mean something as its code", () => {
  assert.equal(escapeText(`"a#b;c:d"`), "#34;a#35;b#59;c#58;d#34;");
  assert.equal(escapeText("<b>%%\\{}[]()"), "#60;b#62;#37;#37;#92;#123;#125;#91;#93;#40;#41;");
});

Deno.test("escapeText() writes marks of Markdown as their codes where they are some", () => {
  assert.equal(escapeText("_a_ a_b"), "#95;a#95; a_b");
  assert.equal(escapeText("- a-b"), "#45; a-b");
  assert.equal(escapeText("1. a"), "1#46; a");
});

Deno.test("escapeText() takes words apart that end a block or turn a diagram", () => {
  assert.equal(escapeText("the end"), "the #101;nd");
  assert.equal(escapeText("End"), "#69;nd");
  assert.equal(escapeText("send endless"), "send endless");
  assert.equal(escapeText("redirection LR"), "re#100;irection LR");
});

Deno.test("nameText() escapes what is left of a name, and counts no code as five characters", () => {
  assert.equal(nameText(":".repeat(31)), `${"#58;".repeat(27)}...`);
});

Deno.test("durationText() uses the largest unit that is whole", () => {
  assert.deepEqual([7_200_000, 60_000, 90_000, 250, 0].map(durationText), [
    "2 h",
    "1 min",
    "90 s",
    "250 ms",
    "0 ms",
  ]);
});

Deno.test("attemptsText() says nothing of a single attempt", () => {
  assert.deepEqual([1, 3, Infinity].map(attemptsText), [
    undefined,
    "up to 3 attempts",
    "any number of attempts",
  ]);
});
