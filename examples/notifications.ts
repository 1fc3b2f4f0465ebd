/**
 * Notifications: facts that leave the process through a broker, for whoever consumes its topics.
 *
 * One of them only says what has happened; the other carries the state of the user along
 * (event-carried state transfer), so that its consumers need not ask. Both have the same name on
 * the wire, and each a topic of its own.
 *
 * Run it: deno run examples/notifications.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  command,
  type Envelope,
  handlers,
  jsonCodec,
  memoryBroker,
  notification,
} from "@sluice/cqrs";
import { z } from "zod";

const membership = z.object({ meetingId: z.string(), userId: z.string() });

const JoinMeeting = command("meeting.join", membership);
const UserJoined = notification("user.joined", {
  topic: "user_notification_events",
  data: membership,
  key: ({ meetingId }) => meetingId, // the broker keeps the order of what has the same key
});
const UserJoinedState = notification("user.joined.state", {
  topic: "user_ecst_events",
  wireType: "user.joined",
  schemaVersion: "1",
  data: z.object({ userId: z.string(), name: z.string(), meetings: z.array(z.string()) }),
  key: ({ userId }) => userId,
});

const users = new Map([["u1", { name: "Ada", meetings: ["m0"] }]]);

const meetings = handlers().on(JoinMeeting, ({ meetingId, userId }, { emit }) => {
  // Handed to the broker if the handler succeeds, together with all that follows from it.
  emit(UserJoined({ meetingId, userId }, { headers: { region: "eu" } }));
  const user = users.get(userId);
  if (user === undefined) throw new Error(`There is no user ${userId}`);
  user.meetings.push(meetingId);
  emit(UserJoinedState({ userId, ...user }));
});

const broker = memoryBroker(); // in production an adapter for Kafka, RabbitMQ, …
const app = bootstrap(meetings, { broker, source: "/meetings" });

await app.send(JoinMeeting({ meetingId: "m1", userId: "u1" }));
await app.send(JoinMeeting({ meetingId: "m2", userId: "u1" }));
await app.send(JoinMeeting({ meetingId: "m3", userId: "u2" })).catch((error) => {
  console.log(`Nothing is published for m3: ${error.message}`);
});

const codec = jsonCodec();
for (const topic of broker.topics()) {
  console.log(`Topic ${topic}:`);
  for (const envelope of broker.messages(topic)) {
    const { type, source, key, schemaVersion = "none", headers, body } = envelope;
    console.log(`  ${type} from ${source}, key ${key}, schema version ${schemaVersion}`);
    console.log(`    headers ${JSON.stringify(headers)}, data ${new TextDecoder().decode(body)}`);
  }
}

// Another process handles what it consumes. Its broker client gives it the envelopes of a topic.
const billing = bootstrap(
  handlers().on(UserJoined, ({ meetingId, userId }, { metadata }) => {
    console.log(`Billing charges ${userId} for ${meetingId} in region ${metadata.headers.region}`);
  }),
);

async function consume({ body, id, time, key, correlationId, headers }: Envelope): Promise<void> {
  const metadata = { id, time, key, correlationId, headers };
  await billing.dispatch(await UserJoined.parse(await codec.decode(body), metadata));
}
for (const envelope of broker.messages("user_notification_events")) await consume(envelope);

// Without a broker a notification is refused where it is emitted, and never lost silently.
await bootstrap(meetings).send(JoinMeeting({ meetingId: "m4", userId: "u1" })).catch((error) => {
  console.log(`${error.name}: ${error.message}`);
});
