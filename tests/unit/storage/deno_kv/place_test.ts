import assert from "node:assert/strict";
import {
  commitToken,
  FIRST_VERSION,
  numberIn,
  placeBeside,
  placeOf,
} from "../../../../src/storage/deno_kv/place.ts";

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

Deno.test("placeBeside() is a place of the same commit, numberIn() what is its number", () => {
  const place = placeOf(FIRST_VERSION, commitToken(), 7);
  for (const n of [0, 7, 35, 36, 1_296, 40_000]) {
    const beside = placeBeside(place, n);
    assert.equal(beside.slice(0, -3), place.slice(0, -3));
    assert.equal(numberIn(beside), n);
  }
  assert.ok(placeBeside(place, 1_295) < placeBeside(place, 1_296));
});
