import fc from "fast-check";
import assert from "node:assert/strict";
import { jsonMembers } from "../../../src/broker/json_members.ts";
import { encoder } from "./wire.ts";

function texts(json: string): Record<string, string> {
  const decoder = new TextDecoder();
  const members = [...jsonMembers(encoder.encode(json))];
  return Object.fromEntries(members.map(([name, bytes]) => [name, decoder.decode(bytes)]));
}

Deno.test("jsonMembers() gives the bytes of each member as they came", () => {
  assert.deepEqual(texts(' {\n"a" : [1, {"b": 2}] , "c":"x,}:\\"]" ,"d":1e3}\n'), {
    a: '[1, {"b": 2}]',
    c: '"x,}:\\"]"',
    d: "1e3",
  });
  assert.deepEqual(texts("{}"), {});
});

Deno.test("jsonMembers() reads escapes in names, and takes the last of one name", () => {
  assert.deepEqual(texts('{"\\u0061":1,"a":2}'), { a: "2" });
});

Deno.test("jsonMembers() finds the members of any object, however it is spaced", () => {
  const value = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(fc.property(value, fc.constantFrom(0, 2), (object, space) => {
    const members = jsonMembers(encoder.encode(JSON.stringify(object, null, space)));
    const found = [...members].map(([name, bytes]) =>
      [name, JSON.parse(new TextDecoder().decode(bytes))] as const
    );
    assert.equal(members.size, Object.keys(object).length);
    for (const [name, member] of found) {
      assert.equal(JSON.stringify(member), JSON.stringify(object[name]));
    }
  }));
});
