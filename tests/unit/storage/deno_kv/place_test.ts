import assert from "node:assert/strict";
import { commitToken, FIRST_VERSION, placeOf } from "../../../../src/storage/deno_kv/place.ts";

Deno.test("placeOf() sorts by version, and within a commit by number", () => {
  const [token, other] = [commitToken(), commitToken()];
  const places = [
    placeOf(FIRST_VERSION, token, 0),
    placeOf("00000000000000090000", token, 0),
    placeOf("00000000000000090000", token, 9),
    placeOf("00000000000000090000", token, 35),
    placeOf("00000000000000090000", token, 36),
    placeOf("00000000000000090000", token, 999),
    placeOf("000000000000000a0000", other, 0),
  ];
  assert.deepEqual(places.toSorted(), places);
  assert.equal(new Set(places.map(({ length }) => length)).size, 1);
});

Deno.test("commitToken() differs, and always has the same length", () => {
  const tokens = new Set(Array.from({ length: 1_000 }, commitToken));
  assert.equal(tokens.size, 1_000);
  assert.deepEqual([...new Set([...tokens].map(({ length }) => length))], [12]);
});
