import assert from "node:assert/strict";
import { type FlightRow, InFlight } from "../../../../src/storage/postgres/in_flight.ts";
import { flightOf, holdingOf } from "./support.ts";

const holding = holdingOf("notes", 3);

function open(texts: string, more: Partial<FlightRow> = {}) {
  const inFlight = new InFlight();
  const flights = texts.split(" ").map((text) => flightOf(text, holding, more));
  for (const flight of flights) inFlight.add(flight);
  return { inFlight, flights };
}

Deno.test("InFlight knows rows until they are removed", () => {
  const { inFlight, flights: [first] } = open("a1 a2");
  assert.equal(inFlight.size, 2);
  assert.equal(inFlight.get("1"), first);
  assert.equal(inFlight.isKnown(1), true);
  assert.ok(first);
  inFlight.remove(first);
  inFlight.remove(first);
  assert.deepEqual([inFlight.size, inFlight.isKnown(1), inFlight.isKnown(2)], [1, false, true]);
  assert.equal(holding.inFlight, 1);
  inFlight.clear();
  assert.equal(holding.inFlight, 0);
});

Deno.test("InFlight knows what was removed while a statement is under way, which may have seen it", () => {
  const { inFlight, flights: [first, second] } = open("a1 a2");
  assert.ok(first && second);
  inFlight.look();
  inFlight.remove(first);
  assert.equal(inFlight.isKnown(1), true);
  inFlight.endLook();
  assert.equal(inFlight.isKnown(1), false);
  inFlight.remove(second);
  assert.equal(inFlight.isKnown(2), false);
});

Deno.test("InFlight keeps blocked lanes that are being read, each with the place of its last row", () => {
  const { inFlight, flights } = open("a1 b2 a3", { isWaiting: true });
  const lanes = () => inFlight.busyLanes.map(({ key, cursor }) => `${key} ${cursor}`);
  assert.deepEqual(lanes(), ["a 3", "b 2"]);
  assert.deepEqual([...inFlight.queuedLanes()], []);
  for (const flight of flights.slice(0, 2)) inFlight.remove(flight);
  assert.deepEqual(lanes(), ["a 3"]);
  inFlight.clear();
  assert.deepEqual(lanes(), []);
  assert.deepEqual([...open("a1 b2 a3").inFlight.queuedLanes()].length, 2);
});

Deno.test("InFlight turns lanes back until all of it is settled and a pass begins after that", () => {
  const { inFlight, flights: [first, second] } = open("a1 a2");
  assert.ok(first && second);
  const { lane } = first.row;
  assert.equal(inFlight.isTurnedBack(lane), false);
  inFlight.turnBack([lane]);
  const check = (isTurnedBack: boolean, when: string) => {
    inFlight.beginPass();
    assert.equal(inFlight.isTurnedBack(lane), isTurnedBack, when);
  };
  check(true, "it is being settled");
  inFlight.remove(first);
  inFlight.settled([lane]);
  check(true, "another row of it is in flight");
  inFlight.remove(second);
  assert.equal(inFlight.isTurnedBack(lane), true, "no pass has begun since");
  check(false, "all is done");
});

Deno.test("InFlight tells whether lanes were blocked since a survey was sent, or are being blocked", () => {
  const { inFlight } = open("a1");
  assert.equal(inFlight.hasBlocked, false);
  inFlight.turnBack([]);
  assert.equal(inFlight.hasBlocked, false);
  inFlight.turnBack(["a"]);
  assert.equal(inFlight.hasBlocked, true);
  inFlight.beginSurvey();
  assert.equal(inFlight.hasBlocked, true, "the survey may not see it");
  inFlight.settled(["a"]);
  inFlight.beginPass();
  assert.equal(inFlight.hasBlocked, true, "there was no survey since");
  inFlight.beginSurvey();
  assert.equal(inFlight.hasBlocked, false);
});
