import { AMQPMessage } from "@cloudamqp/amqp-client";
import assert from "node:assert/strict";
import { type Arrival, Unsettled } from "../../../src/rabbitmq/unsettled.ts";
import { FakeServer } from "./fake_server.ts";

const channel = await (await new FakeServer().connection().connect()).channel();

Deno.test("takeBack() takes what has arrived later of the same topic, in its order", () => {
  const unsettled = new Unsettled(10, true);
  const [a, b, other, c] = [arrival("a"), arrival("b"), arrival("o", "other"), arrival("c")];
  for (const each of [a, b, other, c]) assert.equal(unsettled.add(each), true);
  assert.deepEqual(unsettled.takeBack(b), [b, c]);
  assert.equal(unsettled.take(c), false);
  assert.equal(unsettled.take(a), true);
  assert.equal(unsettled.take(other), true);
});

Deno.test("takeBack() takes one alone where no order is kept", () => {
  const unsettled = new Unsettled(10, false);
  const [a, b] = [arrival("a"), arrival("b")];
  for (const each of [a, b]) unsettled.add(each);
  assert.deepEqual(unsettled.takeBack(a), [a]);
  assert.equal(unsettled.take(b), true);
  assert.equal(unsettled.add(arrival("c")), true);
});

Deno.test("takeBack() does nothing a second time", () => {
  const unsettled = new Unsettled(10, true);
  const a = arrival("a");
  unsettled.add(a);
  assert.deepEqual(unsettled.takeBack(a), [a]);
  assert.deepEqual(unsettled.takeBack(a), []);
});

Deno.test("add() refuses what was on its way when another was put back, until that comes again", () => {
  const unsettled = new Unsettled(5, true);
  const a = arrival("a");
  unsettled.add(a);
  unsettled.takeBack(a);
  assert.equal(unsettled.add(arrival("b")), false);
  assert.equal(unsettled.add(arrival("o", "other")), true);
  assert.equal(unsettled.add(arrival("a", "topic", true)), true);
  assert.equal(unsettled.add(arrival("b", "topic", true)), true);
});

Deno.test("add() refuses no more than can be on its way, if what was put back never comes", () => {
  const unsettled = new Unsettled(3, true);
  const a = arrival("a");
  unsettled.add(a);
  unsettled.takeBack(a);
  const added = ["b", "c", "d", "e"].map((text) => unsettled.add(arrival(text)));
  assert.deepEqual(added, [false, false, true, true]);
});

Deno.test("lose() aborts all, and forgets what was put back", () => {
  const unsettled = new Unsettled(3, true);
  const [a, b] = [arrival("a"), arrival("b")];
  for (const each of [a, b]) unsettled.add(each);
  unsettled.takeBack(b);
  unsettled.lose("gone");
  assert.equal(a.lost.signal.reason, "gone");
  assert.equal(unsettled.take(a), false);
  assert.equal(unsettled.add(arrival("c")), true);
});

function arrival(text: string, topic = "topic", redelivered = false): Arrival {
  const message = new AMQPMessage(channel);
  Object.assign(message, { body: new TextEncoder().encode(text), redelivered });
  return { message, topic, lost: new AbortController() };
}
