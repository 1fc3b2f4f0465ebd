import { rabbitmqSource } from "@sluice/cqrs/rabbitmq";
import assert from "node:assert/strict";

const connection = "amqp://localhost";

Deno.test("rabbitmqSource() refuses a group without a name", () => {
  assert.throws(() => rabbitmqSource({ connection, group: "" }), TypeError);
});

Deno.test("rabbitmqSource() refuses a limit that RabbitMQ could not keep", () => {
  for (const deliveryLimit of [0, -1, 1.5, NaN, 2 ** 31]) {
    assert.throws(() => rabbitmqSource({ connection, group: "g", deliveryLimit }), RangeError);
  }
});
