import {
  type App,
  bootstrap,
  command,
  domainEvent,
  type EventDispatcher,
  handlers,
  type ItemStream,
  type MessageOf,
  notification,
  query,
  type Sender,
  type Streamer,
  streamRequest,
  type,
} from "../../mod.ts";
import { compiled, type Equals, expectType } from "./equals.ts";

const Join = command("join", type<{ userId: string }>());
const Read = query("read", type<{ id: number }>()).returns<{ link: string }>();
const Count = streamRequest("count", type<number>()).yields<{ n: number }>();
const Entered = domainEvent("entered");
const Joined = notification("joined", { topic: "t", data: type<number>() });
const Other = query("other").returns<string>();
const OtherStream = streamRequest("other.stream").yields<string>();
const OtherEvent = domainEvent("other.event");

const app = bootstrap(
  handlers()
    .on(Join, () => {})
    .on(Read, () => ({ link: "" }))
    .on(Count, async function* (n) {
      yield { n };
    })
    .on(Entered, () => {})
    .on(Joined, () => {}),
);

Deno.test("send() gives the result of its message", () => {
  compiled(() => {
    const nothing = app.send(Join({ userId: "u1" }));
    const link = app.send(Read({ id: 1 }), { signal: new AbortController().signal });
    expectType<Equals<typeof nothing, Promise<void>>>();
    expectType<Equals<typeof link, Promise<{ link: string }>>>();
  });
});

Deno.test("stream() gives the items of its message", () => {
  compiled(async () => {
    const stream = app.stream(Count(3));
    expectType<Equals<typeof stream, ItemStream<{ n: number }>>>();
    for await (const item of stream) expectType<Equals<typeof item, { n: number }>>();
    const web = app.stream(Count(3)).toReadableStream();
    expectType<Equals<typeof web, ReadableStream<{ n: number }>>>();
  });
});

Deno.test("what nothing handles does not compile", () => {
  compiled(() => {
    // @ts-expect-error Nothing handles the query.
    app.send(Other());
    // @ts-expect-error Nothing answers the stream.
    app.stream(OtherStream());
    // @ts-expect-error Nothing handles the event.
    app.dispatch(OtherEvent());
    // @ts-expect-error An app without handlers handles nothing.
    bootstrap(handlers()).send(Join({ userId: "u1" }));
  });
});

Deno.test("a message goes only where its kind belongs", () => {
  compiled(() => {
    // @ts-expect-error A stream is not sent.
    app.send(Count(1));
    // @ts-expect-error An event is not sent.
    app.send(Entered());
    // @ts-expect-error A command is not streamed.
    app.stream(Join({ userId: "u1" }));
    // @ts-expect-error A command is not dispatched.
    app.dispatch(Join({ userId: "u1" }));
    // @ts-expect-error A query is not emitted.
    app.emit(Read({ id: 1 }));
    app.dispatch(Entered());
    app.dispatch(Joined(1));
  });
});

Deno.test("a message with the name of another and other data does not compile", () => {
  compiled(() => {
    // @ts-expect-error The data differ from those that are handled.
    app.send(command("join", type<{ userId: number }>())({ userId: 7 }));
    // @ts-expect-error The result differs from the one that is given.
    app.send(query("read", type<{ id: number }>()).returns<number>()({ id: 7 }));
  });
});

Deno.test("emit() of the app takes every event, also one that nothing handles here", () => {
  compiled(() => [app.emit(OtherEvent()), app.emit(Joined(1)), app.emit(Entered())]);
});

type ReadMessage = MessageOf<typeof Read>;
type JoinMessage = MessageOf<typeof Join>;

Deno.test("an app can be injected as what can do less", () => {
  const sender: Sender<ReadMessage> = app;
  const both: Sender<ReadMessage | JoinMessage> = app;
  const fewer: Sender<ReadMessage> = both;
  const streamer: Streamer<MessageOf<typeof Count>> = app;
  const dispatcher: EventDispatcher<MessageOf<typeof Entered>> = app;
  const part: App<ReadMessage> = app;
  compiled(async () => {
    const link = await sender.send(Read({ id: 1 }));
    expectType<Equals<typeof link, { link: string }>>();
    for await (const { n } of streamer.stream(Count(1))) expectType<Equals<typeof n, number>>();
    await dispatcher.dispatch(Entered());
  });
  void [fewer, part];
});

Deno.test("what can do less cannot stand in for what can do more", () => {
  const sender: Sender<ReadMessage> = app;
  // @ts-expect-error It cannot send commands.
  const both: Sender<ReadMessage | JoinMessage> = sender;
  // @ts-expect-error The app does not handle this query.
  const other: Sender<MessageOf<typeof Other>> = app;
  // @ts-expect-error The app does not answer this stream.
  const streamer: Streamer<MessageOf<typeof OtherStream>> = app;
  // @ts-expect-error The app does not handle this event.
  const dispatcher: EventDispatcher<MessageOf<typeof OtherEvent>> = app;
  compiled(() => {
    // @ts-expect-error A sender of queries does not send commands.
    sender.send(Join({ userId: "u1" }));
  });
  void [both, other, streamer, dispatcher];
});

Deno.test("a send within a handler knows the result of any message, and checks the rest at run time", () => {
  handlers().on(Join, async (_data, { send, stream }) => {
    const other = await send(Other());
    expectType<Equals<typeof other, string>>();
    for await (const item of stream(OtherStream())) expectType<Equals<typeof item, string>>();
    // @ts-expect-error An event is not sent.
    await send(Entered());
    // @ts-expect-error A query is not streamed.
    stream(Other());
  });
});
