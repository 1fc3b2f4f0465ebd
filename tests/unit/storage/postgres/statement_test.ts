import assert from "node:assert/strict";
import { arrayLiteral, inlined, storable } from "../../../../src/storage/postgres/statement.ts";

Deno.test("arrayLiteral() quotes texts, and leaves numbers", () => {
  assert.equal(arrayLiteral([]), "{}");
  assert.equal(
    arrayLiteral(["a", "", "null", 'b"c', "d\\e", "{f,g}"]),
    '{"a","","null","b\\"c","d\\\\e","{f,g}"}',
  );
  assert.equal(arrayLiteral([1, 22]), "{1,22}");
});

Deno.test("inlined() puts parameters where they are used, as texts that nothing escapes from", () => {
  assert.equal(
    inlined("select $1::text, $2::text, $1", ["it's \\ $2", null]),
    "select E'it''s \\\\ $2'::text, null::text, E'it''s \\\\ $2'",
  );
  assert.equal(
    inlined("select $10, $1", Array.from({ length: 10 }, (_, n) => `${n}`)),
    "select E'9', E'0'",
  );
  assert.equal(inlined("select $1", []), "select null");
});

Deno.test("inlined() leaves names and texts alone that look like a parameter", () => {
  const text = `select "a$1", '$1', "b"".$1", 'it''s $1'`;
  assert.equal(inlined(text, ["x"]), text);
});

Deno.test("storable() replaces what Postgres refuses in texts, and nothing else", () => {
  assert.equal(storable("a\0b\ud800c\udfffd 🛟 é"), "a\ufffdb\ufffdc\ufffdd 🛟 é");
});
