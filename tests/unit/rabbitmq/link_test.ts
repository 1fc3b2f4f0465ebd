import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { Link, replyCodeOf } from "../../../src/rabbitmq/link.ts";
import { FakeServer } from "./fake_server.ts";

Deno.test("client() connects once, and anew when the connection is lost", async () => {
  const { server, link, errors } = begin();
  const [client, same] = await Promise.all([link.client(), link.client()]);
  assert.equal(client, same);
  assert.equal(link.isOpen(client), true);
  server.disconnect("gone");
  assert.equal(link.isOpen(client), false);
  await assert.rejects(link.whileOpen(client, new Promise(() => {})), /connection is lost/);
  assert.notEqual(await link.client(), client);
  assert.deepEqual(errors.map(String), ["Error: gone"]);
  await link.close();
});

Deno.test("client() waits longer after each failure, and not at all after a success", async () => {
  const { server, link, clock, errors } = begin();
  server.isUp = false;
  await assert.rejects(link.client(), /ECONNREFUSED/);
  for (const delayMs of [100, 200]) {
    const before = server.clients.length;
    const failing = assert.rejects(link.client(), /ECONNREFUSED/);
    await clock.timersPending();
    await clock.advance(delayMs - 1);
    assert.equal(server.clients.length, before);
    await clock.advance(1);
    await failing;
    assert.equal(server.clients.length, before + 1);
  }
  assert.equal(errors.length, 3);
  server.isUp = true;
  const connecting = link.client();
  await clock.timersPending();
  await clock.advance(300);
  await connecting;
  server.disconnect();
  await link.client(); // at once
  await link.close();
});

Deno.test("client() gives up a server that takes a connection and says nothing", async () => {
  const { server, link, clock } = begin();
  server.silent.add("connect");
  const connecting = assert.rejects(link.client(), { name: "TimeoutError" });
  await clock.timersPending();
  await clock.advance(5_000);
  await connecting;
  await link.close();
});

Deno.test("answer() gives the connection up when no answer comes in time", async () => {
  const { server, link, clock, errors } = begin();
  const client = await link.client();
  server.silent.add("channel");
  const asking = assert.rejects(link.channel(), { name: "TimeoutError" });
  await clock.timersPending();
  await clock.advance(4_999);
  assert.equal(link.isOpen(client), true);
  await clock.advance(1);
  await asking;
  assert.equal(link.isOpen(client), false);
  assert.equal(client.closed, true);
  assert.equal(errors.length, 1);
  assert.equal(clock.pendingTimers, 0);
  server.silent.clear();
  await link.channel();
  await link.close();
});

Deno.test("answer() rejects when the connection is lost, though the client forgets what waits", async () => {
  const { server, link, clock } = begin();
  const client = await link.client();
  const asking = assert.rejects(link.answer(client, new Promise(() => {})), /gone/);
  server.disconnect("gone");
  await asking;
  assert.equal(clock.pendingTimers, 0);
  await link.close();
});

Deno.test("close() ends a wait, and does not wait for a server that does not answer", async () => {
  const { server, link, clock } = begin();
  await link.client();
  server.silent.add("close");
  const closing = link.close();
  await clock.timersPending();
  await clock.advance(5_000);
  await closing;
  const other = begin();
  other.server.isUp = false;
  await assert.rejects(other.link.client());
  const waiting = assert.rejects(other.link.client(), /disposed of/);
  await other.clock.timersPending();
  await other.link.close();
  await waiting;
});

Deno.test("close() does not wait for a server that takes a connection and says nothing", async () => {
  const { server, link, clock } = begin();
  server.silent.add("connect");
  const connecting = assert.rejects(link.client(), /disposed of/);
  await clock.timersPending();
  await link.close();
  await connecting;
  assert.equal(server.clients[0]?.isSocketClosed, true);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("replyCodeOf() finds the number at the end of what the server says", () => {
  assert.equal(replyCodeOf(new Error("channel 1 closed: NOT_FOUND - no queue (404)")), 404);
  assert.equal(replyCodeOf(new Error("channel 1 closed")), undefined);
  assert.equal(replyCodeOf("(404)"), undefined);
});

function begin() {
  const server = new FakeServer();
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const link = new Link({
    create: server.connection,
    answerTimeoutMs: 5_000,
    backoff: (failures) => failures * 100,
    report: (error) => errors.push(error),
    clock,
  });
  return { server, clock, errors, link };
}
