import assert from "node:assert/strict";
import type { OutboxRow } from "../../../../src/storage/mod.ts";
import { InFlight } from "../../../../src/storage/postgres/in_flight.ts";
import { type Found, laneIn, Pass } from "../../../../src/storage/postgres/pass.ts";
import type { PostgresRow } from "../../../../src/storage/postgres/client.ts";
import { flightOf, holdingOf, rowOf } from "./support.ts";

function begin(partitions = 2) {
  const holdings = Array.from({ length: partitions }, (_, n) => holdingOf("notes", n));
  const inFlight = new InFlight();
  const pass = new Pass(holdings);
  return {
    holdings,
    inFlight,
    pass,
    accept: (rows: readonly PostgresRow[], maxRows = 100): Found =>
      pass.accept(rows, pass.batch(maxRows), inFlight),
  };
}

const textsOf = (rows: readonly OutboxRow[]) => rows.map(({ envelope: { id } }) => id).join(" ");
const placesOf = (found: Found) => found.blocked.map(({ lane, position }) => `${lane} ${position}`);

Deno.test("laneIn() names lanes within their topic, without a key by the place", () => {
  assert.equal(laneIn({ key: "a" }, "5"), "=a");
  assert.equal(laneIn({ key: "" }, "5"), "=");
  assert.equal(laneIn({ key: undefined }, "5"), "#5");
});

Deno.test("Pass gives rows, and reads on behind them", () => {
  const { accept, pass, holdings } = begin();
  const { given } = accept([rowOf("a1", 1), rowOf("-2", 1), rowOf("b7", 2)]);
  assert.equal(textsOf(given), "a1 -2 b7");
  assert.deepEqual(given.map(({ lane }) => lane), ["=5:notesa", "#5:notes-2", "=5:notesb"]);
  assert.deepEqual(holdings.map(({ cursor, inFlight }) => [cursor, inFlight]), [["2", 2], [
    "7",
    1,
  ]]);
  assert.equal(pass.active.length, 0);
});

Deno.test("Pass goes on with partitions that may have more, the one first that has waited longest", () => {
  const { accept, pass, holdings: [first, second, third] } = begin(3);
  assert.equal(pass.batch(6).quota, 2);
  accept([rowOf("a1", 1), rowOf("a2", 1), rowOf("b3", 2), rowOf("c4", 3), rowOf("c5", 3)], 6);
  assert.deepEqual(pass.active, [first, third]);
  assert.ok(second && pass.isExhausted(second));
  assert.equal(pass.batch(6).quota, 3);
  // The limit has cut it off: nothing is known of the one that has no row.
  accept([rowOf("a6", 1), rowOf("a7", 1)], 2);
  assert.deepEqual(pass.active, [third, first]);
});

Deno.test("Pass gives no row that was given before, and none of a partition that is left", () => {
  const { accept, inFlight, holdings: [first, second] } = begin();
  assert.ok(first && second);
  inFlight.add(flightOf("a1", first));
  second.isLeft = true;
  const { given } = accept([rowOf("a1", 1), rowOf("a2", 1), rowOf("b3", 2)]);
  assert.equal(textsOf(given), "a2");
  assert.deepEqual([first.cursor, second.cursor], ["2", "0"]);
});

Deno.test("Pass leaves out what stands behind a row that came back, until the next pass", () => {
  const { accept, inFlight, holdings: [holding] } = begin();
  inFlight.turnBack(["=5:notesa"]);
  const { given } = accept([rowOf("a1", 1), rowOf("b2", 1)]);
  assert.equal(textsOf(given), "b2");
  assert.equal(holding?.isRewound, true);
  inFlight.settled(["=5:notesa"]);
  inFlight.beginPass();
  assert.equal(textsOf(accept([rowOf("a3", 1)]).given), "");
  assert.equal(
    textsOf(
      new Pass([holding as never]).accept(
        [rowOf("a1", 1), rowOf("a3", 1)],
        { pass: begin().pass, asked: [holding as never], quota: 9, maxRows: 9 },
        inFlight,
      ).given,
    ),
    "a1 a3",
  );
});

Deno.test("Pass has rows of blocked lanes moved, and leaves out what it finds behind them later", () => {
  const { accept, holdings: [holding] } = begin();
  const found = accept([rowOf("a1", 1, { state: 1 }), rowOf("b2", 1)], 2);
  assert.deepEqual(placesOf(found), ["=a 1"]);
  assert.equal(textsOf(found.given), "b2");
  assert.equal(holding?.isRewound, false, "what is moved need not be read again");
  // The lane may have ended since, but what was to be moved may be in the queue still.
  const later = accept([rowOf("a3", 2), rowOf("b4", 2)]); // it comes behind the other one now
  assert.equal(textsOf(later.given), "b4");
  assert.deepEqual(placesOf(later), []);
  assert.equal(holding?.isRewound, true);
});

Deno.test("Pass moves nothing behind rows of the queue that are in flight", () => {
  const { accept, inFlight, holdings: [holding] } = begin();
  assert.ok(holding);
  inFlight.add(flightOf("a1", holding));
  const found = accept([rowOf("a1", 1, { state: 1 }), rowOf("a2", 1, { state: 1 })]);
  assert.deepEqual(placesOf(found), []);
  assert.equal(holding.isRewound, true);
});

Deno.test("Pass gives rows that wait, with their attempts, and does not read the queue behind them", () => {
  const { accept, pass, inFlight, holdings: [holding] } = begin();
  const { given, idle } = accept([
    rowOf("a5", 1, { state: 2 }),
    rowOf("a6", 1, { state: 4 }),
    rowOf("-7", 2, { state: 3 }),
    { pair: 2, position: null, state: -2, id: "=empty" },
  ]);
  assert.deepEqual(given.map(({ attempts }) => attempts), [0, 2, 1]);
  assert.equal(holding?.cursor, "0");
  assert.deepEqual(inFlight.busyLanes.map(({ key, cursor }) => [key, cursor]), [["a", "6"], [
    undefined,
    "7",
  ]]);
  assert.deepEqual(idle.map(({ lane }) => lane), ["=empty"]);
  assert.equal(pass.active.length, 0);
});

Deno.test("Pass gives nothing that waits behind a row that came back", () => {
  const { accept, inFlight, holdings: [holding] } = begin();
  inFlight.turnBack(["=5:notesa"]);
  const found = accept([rowOf("a5", 1, { state: 2 }), rowOf("a9", 1, { state: 1 })]);
  assert.equal(textsOf(found.given), "");
  assert.equal(found.idle.length, 0);
  assert.deepEqual(placesOf(found), [], "what came back may be in the queue");
  assert.equal(holding?.isRewound, true);
});

Deno.test("Pass sorts out what nobody can make sense of, and what stands behind it", () => {
  const { accept, inFlight } = begin();
  const found = accept([
    rowOf("a1", 1, { attributes: "null" }),
    rowOf("a2", 1),
    rowOf("b3", 1),
    rowOf("c4", 1, { attributes: "{}", state: 5 }),
  ]);
  assert.equal(textsOf(found.given), "b3");
  assert.deepEqual(
    found.broken.map(({ lane, attempts, isWaiting }) => [lane, attempts, isWaiting]),
    [
      ["=a", 0, false],
      ["=c", 3, true],
    ],
  );
  assert.ok(found.broken.every(({ error }) => error instanceof TypeError));
  assert.ok(inFlight.hasBlocked);
});
