import { AMQPClient } from "@cloudamqp/amqp-client";
import assert from "node:assert/strict";
import { connectSettings } from "../../../src/rabbitmq/connect_options.ts";

const connection = "amqp://user:password@localhost";

Deno.test("connectSettings() refuses what is no URL of AMQP", () => {
  assert.throws(() => connectSettings({ connection: "https://localhost" }), TypeError);
  assert.throws(() => connectSettings({ connection: "localhost" }), TypeError);
});

Deno.test("connectSettings() refuses times that make no sense", () => {
  for (const heartbeatSeconds of [-1, 1.5, NaN]) {
    assert.throws(() => connectSettings({ connection, heartbeatSeconds }), RangeError);
  }
  for (const answerTimeoutMs of [0, -1, 1.5, Infinity]) {
    assert.throws(() => connectSettings({ connection, answerTimeoutMs }), RangeError);
  }
});

Deno.test("connectSettings() sets the heartbeat, unless the URL does", () => {
  const heartbeatOf = (url: string, heartbeatSeconds?: number) => {
    const heartbeat = heartbeatSeconds === undefined ? {} : { heartbeatSeconds };
    const client = connectSettings({ connection: url, ...heartbeat }).create();
    assert.ok(client instanceof AMQPClient);
    return client.heartbeat;
  };
  assert.equal(heartbeatOf(connection), 30);
  assert.equal(heartbeatOf(connection, 5), 5);
  assert.equal(heartbeatOf(`${connection}?heartbeat=7`, 5), 7);
});
