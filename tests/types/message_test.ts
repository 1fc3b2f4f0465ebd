import { type as ark } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  type Command,
  command,
  type CommandDefinition,
  type DataOf,
  type Definition,
  type DomainEvent,
  domainEvent,
  type DomainEventDefinition,
  type ItemOf,
  type MessageOf,
  type Notification,
  notification,
  type NotificationDefinition,
  type Query,
  query,
  type QueryDefinition,
  type ResultOf,
  type StreamRequest,
  streamRequest,
  type StreamRequestDefinition,
  type,
} from "../../mod.ts";
import { compiled, type Equals, expectType } from "./equals.ts";

const Join = command("meeting.join", z.object({ userId: z.string() }));
const Open = command("meeting.open", type<{ title: string }>()).returns<{ id: string }>();
const Tick = command("tick");
const Read = query("meeting.read", type<number>()).returns(z.array(z.string()));
const Hash = streamRequest("hash", type<{ paths: string[] }>()).yields<{ sha256: string }>();
const Entered = domainEvent("meeting.entered", type<{ userId: string }>());
const Joined = notification("user.joined", {
  topic: "users",
  data: type<{ userId: string }>(),
  key: (data) => data.userId,
});

Deno.test("definitions keep the literal name, the data and the answer", () => {
  expectType<
    Equals<typeof Join, CommandDefinition<"meeting.join", { userId: string }, void>>
  >();
  expectType<
    Equals<typeof Open, CommandDefinition<"meeting.open", { title: string }, { id: string }>>
  >();
  expectType<Equals<typeof Tick, CommandDefinition<"tick", void, void>>>();
  expectType<Equals<typeof Read, QueryDefinition<"meeting.read", number, string[]>>>();
  expectType<
    Equals<typeof Hash, StreamRequestDefinition<"hash", { paths: string[] }, { sha256: string }>>
  >();
  expectType<
    Equals<typeof Entered, DomainEventDefinition<"meeting.entered", { userId: string }>>
  >();
  expectType<Equals<typeof Joined, NotificationDefinition<"user.joined", { userId: string }>>>();
});

Deno.test("the types of definitions and messages can be written out", () => {
  const open: CommandDefinition<"meeting.open", { title: string }, { id: string }> = Open;
  const read: QueryDefinition<"meeting.read", number, string[]> = Read;
  const message: Command<"meeting.open", { title: string }, { id: string }> = open({ title: "" });
  const question: Query<"meeting.read", number, string[]> = read(1);
  const stream: StreamRequest<"hash", { paths: string[] }, { sha256: string }> = Hash({
    paths: [],
  });
  const event: DomainEvent<"meeting.entered", { userId: string }> = Entered({ userId: "" });
  const joined: Notification<"user.joined", { userId: string }> = Joined({ userId: "" });
  const definition: Definition<Command<"meeting.open", { title: string }, { id: string }>> = Open;
  void [message, question, stream, event, joined, definition];
});

Deno.test("extractors give data, results, items and messages of messages and definitions", () => {
  expectType<Equals<DataOf<typeof Join>, { userId: string }>>();
  expectType<Equals<DataOf<MessageOf<typeof Join>>, { userId: string }>>();
  expectType<Equals<DataOf<typeof Tick>, void>>();
  expectType<Equals<DataOf<typeof Joined>, { userId: string }>>();
  expectType<Equals<ResultOf<typeof Open>, { id: string }>>();
  expectType<Equals<ResultOf<MessageOf<typeof Open>>, { id: string }>>();
  expectType<Equals<ResultOf<typeof Join>, void>>();
  expectType<Equals<ResultOf<typeof Read>, string[]>>();
  expectType<Equals<ResultOf<typeof Hash>, never>>();
  expectType<Equals<ItemOf<typeof Hash>, { sha256: string }>>();
  expectType<Equals<ItemOf<MessageOf<typeof Hash>>, { sha256: string }>>();
  expectType<Equals<ItemOf<typeof Read>, never>>();
  expectType<
    Equals<MessageOf<typeof Open>, Command<"meeting.open", { title: string }, { id: string }>>
  >();
  expectType<Equals<MessageOf<typeof Joined>, Notification<"user.joined", { userId: string }>>>();
});

Deno.test("results that are undefined, unions or unknown survive", () => {
  const Maybe = query("maybe").returns<string | undefined>();
  const Anything = query("anything").returns<unknown>();
  const Nothing = query("nothing").returns<undefined>();
  expectType<Equals<ResultOf<typeof Maybe>, string | undefined>>();
  expectType<Equals<ResultOf<typeof Anything>, unknown>>();
  expectType<Equals<ResultOf<typeof Nothing>, undefined>>();
});

Deno.test("data are what a schema puts out, of any library", () => {
  const Zod = command("zod", z.object({ at: z.coerce.date(), tries: z.number().default(3) }));
  const Valibot = command("valibot", v.object({ n: v.pipe(v.string(), v.transform(Number)) }));
  const Arktype = command("arktype", ark({ n: "number", "text?": "string" }));
  expectType<Equals<DataOf<typeof Zod>, { at: Date; tries: number }>>();
  expectType<Equals<DataOf<typeof Valibot>, { n: number }>>();
  expectType<Equals<DataOf<typeof Arktype>, { n: number; text?: string }>>();
});

Deno.test("data must be given unless they may be undefined, and must fit", () => {
  Tick();
  Tick(undefined, { id: "given" });
  command("optional", type<string | undefined>())();
  Join({ userId: "u1" }, { key: "k", headers: { a: "b" } });
  // @ts-expect-error Data are missing.
  Join();
  // @ts-expect-error Data do not fit the schema.
  Join({ userId: 7 });
  // @ts-expect-error Data have a key that the schema does not know.
  Join({ userId: "u1", extra: true });
  // @ts-expect-error A command without data takes none.
  Tick("data");
  // @ts-expect-error There is no such metadata.
  Join({ userId: "u1" }, { correlation: "c" });
});

Deno.test("a type alone keeps the literal name of its message", () => {
  expectType<Equals<(typeof Open)["type"], "meeting.open">>();
  expectType<Equals<ReturnType<typeof Open>["type"], "meeting.open">>();
  expectType<Equals<ReturnType<typeof Open>["kind"], "command">>();
});

Deno.test("parse() gives the message of its definition", () => {
  expectType<
    Equals<
      ReturnType<typeof Open.parse>,
      Promise<Command<"meeting.open", { title: string }, { id: string }>>
    >
  >();
});

Deno.test("messages cannot be changed", () => {
  const message = Open({ title: "" });
  compiled(() => {
    // @ts-expect-error The name of a message is read-only.
    message.type = "meeting.open";
    // @ts-expect-error The data of a message are read-only.
    message.data = { title: "" };
    // @ts-expect-error The metadata of a message are read-only.
    message.metadata.id = "other";
  });
});

Deno.test("messages of one shape and two names are two types", () => {
  const A = command("a", type<number>());
  const B = command("b", type<number>());
  // @ts-expect-error The names differ.
  const message: MessageOf<typeof A> = B(1);
  // @ts-expect-error The kinds differ.
  const question: MessageOf<typeof A> = query("a", type<number>())(1);
  // @ts-expect-error The results differ.
  const other: MessageOf<typeof A> = command("a", type<number>()).returns<string>()(1);
  void [message, question, other];
});

Deno.test("notification() types the key function by the data, wherever it stands", () => {
  notification("a", { topic: "t", data: type<{ id: string }>(), key: (data) => data.id });
  notification("b", { key: (data) => data.id, data: type<{ id: string }>(), topic: "t" });
  notification("c", { topic: "t", key: (data) => data.id, data: z.object({ id: z.string() }) });
  // @ts-expect-error The data have no such member.
  notification("d", { topic: "t", data: type<{ id: string }>(), key: (data) => data.name });
  // @ts-expect-error A key is a string.
  notification("e", { topic: "t", data: type<{ id: number }>(), key: (data) => data.id });
  // @ts-expect-error A notification has a topic.
  compiled(() => notification("f", { data: type<{ id: string }>() }));
});
