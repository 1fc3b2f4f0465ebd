import assert from "node:assert/strict";
import {
  type Codec,
  command,
  decompressBody,
  domainEvent,
  type Envelope,
  MessageEncodeError,
  type Notification,
  notification,
  query,
  toEnvelope,
  type,
} from "../../../src/message/mod.ts";
import { OutboxWriter, UnknownNotificationError } from "../../../src/storage/mod.ts";

const Joined = notification("user.joined", {
  topic: "users",
  wireType: "joined",
  schemaVersion: "2",
  data: type<{ userId: string }>(),
  key: ({ userId }) => userId,
});
const Left = notification("user.left", { topic: "users", data: type<{ userId: string }>() });

function codecOf(name: string): Codec {
  return {
    contentType: `application/x-${name}`,
    encode: (data) => new TextEncoder().encode(`${name} ${JSON.stringify(data)}`),
    decode: () => undefined,
  };
}

const textOf = (envelope: Envelope | undefined) => new TextDecoder().decode(envelope?.body);

Deno.test("envelopes() makes the same of a notification as toEnvelope()", async () => {
  const codec = codecOf("own");
  const message = Joined({ userId: "u1" }, { headers: { tenant: "t1" }, causationId: "c" });
  const [envelope] = await new OutboxWriter({ codec, source: "/tests" }).envelopes([message]);
  assert.deepEqual(envelope, await toEnvelope(message, { codec, source: "/tests" }));
});

Deno.test("envelopes() encodes as JSON, from the source /, unless it is told otherwise", async () => {
  const [envelope] = await new OutboxWriter({}).envelopes([Joined({ userId: "u1" })]);
  assert.equal(envelope?.source, "/");
  assert.equal(envelope?.contentType, "application/json");
  assert.equal(textOf(envelope), '{"userId":"u1"}');
});

Deno.test("envelopes() leaves an envelope as it is", async () => {
  const envelope = await toEnvelope(Joined({ userId: "u1" }), {
    codec: codecOf("x"),
    source: "/x",
  });
  const [same] = await new OutboxWriter({ codec: codecOf("y"), source: "/y" }).envelopes([
    envelope,
  ]);
  assert.equal(same, envelope);
});

Deno.test("envelopes() keeps the order of messages, whoever takes longest", async () => {
  const slow: Codec = {
    ...codecOf("slow"),
    async encode() {
      for (let n = 0; n < 10; n++) await undefined;
      return new Uint8Array(1);
    },
  };
  const Slow = notification("slow", { topic: "users", data: type<{ n: number }>(), codec: slow });
  const messages = [Slow({ n: 1 }), Joined({ userId: "u1" }), Slow({ n: 2 })];
  const envelopes = await new OutboxWriter({}).envelopes(messages);
  assert.deepEqual(envelopes.map(({ id }) => id), messages.map(({ metadata }) => metadata.id));
});

Deno.test("envelopes() refuses what is neither notification nor envelope", async () => {
  const writer = new OutboxWriter({});
  const wrong: Record<string, unknown> = {
    "meeting.entered": domainEvent("meeting.entered")(),
    "meeting.join": command("meeting.join")(),
    "meeting.read": query("meeting.read")(),
    undefined: undefined,
    null: null,
    "7": 7,
    "[object Object]": { body: [1, 2] },
  };
  for (const [name, message] of Object.entries(wrong)) {
    await assert.rejects(
      writer.envelopes([Left({ userId: "u1" }), message as Notification]),
      { name: "TypeError", message: `Cannot store "${name}" as it is no notification` },
    );
  }
});

Deno.test("envelopes() takes the notifications that it was told, by name and topic on the wire", async () => {
  const writer = new OutboxWriter({ notifications: [Joined] });
  const joined = Joined({ userId: "u1" });
  const envelope = await toEnvelope(joined, { codec: codecOf("x"), source: "/" });
  assert.equal((await writer.envelopes([joined, envelope])).length, 2);
  const Elsewhere = notification("user.joined", {
    topic: "others",
    wireType: "joined",
    data: type<{ userId: string }>(),
  });
  const Impostor = notification("user.entered", {
    topic: "users",
    wireType: "joined",
    data: type<{ userId: string }>(),
  });
  for (const message of [Left, Elsewhere, Impostor].map((make) => make({ userId: "u1" }))) {
    await assert.rejects(writer.envelopes([joined, message]), (error) => {
      assert.ok(error instanceof UnknownNotificationError);
      assert.equal(error.wireType, message.wireType);
      assert.equal(error.topic, message.topic);
      return true;
    });
  }
  await assert.rejects(
    writer.envelopes([{ ...envelope, type: "user.joined" }]),
    UnknownNotificationError,
  );
});

Deno.test("envelopes() takes nothing where it was told that there are no notifications", async () => {
  const writer = new OutboxWriter({ notifications: [] });
  await assert.rejects(writer.envelopes([Left({ userId: "u1" })]), UnknownNotificationError);
});

Deno.test("OutboxWriter refuses two notifications that nobody could tell apart", () => {
  const same = notification("other", {
    topic: "users",
    wireType: "joined",
    data: type<{ n: number }>(),
  });
  assert.throws(() => new OutboxWriter({ notifications: [Joined, Left, same] }), {
    name: "TypeError",
    message: 'Cannot tell notifications apart as two are "joined" on topic "users"',
  });
});

Deno.test("OutboxWriter takes no name and topic for another", () => {
  // Put together without care, both would be the same text.
  const notifications = [["a,b", "c"], ["a", "b,c"], ['a","b', "c"], ["a", 'b","c']].map((
    [topic = "", wireType = ""],
    n,
  ) => notification(`n${n}`, { topic, wireType, data: type<{ n: number }>() }));
  assert.ok(new OutboxWriter({ notifications }));
});

Deno.test("envelopes() rejects with the error of the codec, and with the first of several", async () => {
  const cause = new Error("No bytes for that");
  const codec: Codec = {
    ...codecOf("broken"),
    encode() {
      throw cause;
    },
  };
  await assert.rejects(
    new OutboxWriter({ codec }).envelopes([Left({ userId: "u1" })]),
    (error) => error instanceof MessageEncodeError && error.cause === cause,
  );
});

Deno.test("envelopes() compresses notifications and envelopes where it is told to", async () => {
  const writer = new OutboxWriter({ compression: { format: "deflate", minBytes: 0 } });
  const message = Joined({ userId: "again ".repeat(100) });
  const plain = await toEnvelope(message, { codec: codecOf("x"), source: "/" });
  for (const envelope of await writer.envelopes([message, plain])) {
    assert.equal(envelope.headers["content-encoding"], "deflate");
    assert.match(textOf(await decompressBody(envelope)), /again again/);
  }
  const [again] = await writer.envelopes(await writer.envelopes([plain]));
  assert.deepEqual(await decompressBody(again as Envelope), plain);
});
