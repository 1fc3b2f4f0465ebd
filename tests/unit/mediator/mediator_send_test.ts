import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  HandlerNotFoundError,
  handlers,
  query,
  streamRequest,
  type,
} from "../../../mod.ts";

const Join = command("meeting.join", type<{ userId: string }>());
const Read = query("meeting.read").returns<{ members: readonly string[] }>();
const Entered = domainEvent("meeting.entered", type<{ userId: string }>());
const Watch = streamRequest("meeting.watch").yields<string>();

Deno.test("send() runs the handler of a command once and gives nothing when it has no result", async () => {
  let runs = 0;
  const app = bootstrap(handlers().on(Join, () => void runs++));
  assert.equal(await app.send(Join({ userId: "u1" })), undefined);
  assert.equal(runs, 1);
});

Deno.test("send() gives the result of a query's handler unchanged", async () => {
  const answer = { members: ["u1"] };
  const app = bootstrap(handlers().on(Read, () => answer));
  assert.equal(await app.send(Read()), answer);
});

Deno.test("send() lets a query see the effects of the four commands sent before it", async () => {
  const members: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Join, ({ userId }) => void members.push(userId))
      .on(Read, () => ({ members })),
  );
  for (const userId of ["u1", "u2", "u3", "u4"]) await app.send(Join({ userId }));
  assert.deepEqual((await app.send(Read())).members, ["u1", "u2", "u3", "u4"]);
});

Deno.test("send() hands the data of the message to the handler", async () => {
  const data = { userId: "u1" };
  const seen: unknown[] = [];
  const app = bootstrap(handlers().on(Join, (data) => void seen.push(data)));
  await app.send(Join(data));
  assert.equal(seen[0], data);
});

Deno.test("send() rejects with the error of the handler, unchanged, and dispatches no events", async () => {
  const failure = new Error("Full");
  const entered: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Join, ({ userId }, { emit }) => {
        emit(Entered({ userId }));
        throw failure;
      })
      .on(Entered, ({ userId }) => void entered.push(userId)),
  );
  await assert.rejects(app.send(Join({ userId: "u1" })), (error) => error === failure);
  assert.deepEqual(entered, []);
});

Deno.test("send() rejects with the error of an asynchronous handler, unchanged", async () => {
  const failure = new Error("Full");
  const app = bootstrap(handlers().on(Join, () => Promise.reject(failure)));
  await assert.rejects(app.send(Join({ userId: "u1" })), (error) => error === failure);
});

for (
  const [kind, message] of [["a request", Join({ userId: "u1" })], [
    "an event",
    Entered({ userId: "u1" }),
  ], ["a streaming request", Watch()]] as const
) {
  Deno.test(`send() rejects with an error that names ${kind} which nothing answers`, async () => {
    const app = bootstrap(
      handlers().on(Entered, () => {}).on(Watch, async function* () {}),
    );
    // @ts-expect-error What nothing answers does not compile; plain JavaScript gets an error.
    const sent: Promise<unknown> = app.send(message);
    await assert.rejects(sent, (error) => {
      assert.ok(error instanceof HandlerNotFoundError);
      assert.equal(error.code, "handler_not_found");
      assert.equal(error.messageType, message.type);
      assert.equal(
        error.message,
        `Cannot handle "${message.type}" as no handler is registered for it`,
      );
      return true;
    });
  });
}

Deno.test("send() never throws synchronously", async () => {
  const app = bootstrap(
    handlers().on(Join, () => {
      throw new Error("Full");
    }),
  );
  const sent = app.send(Join({ userId: "u1" }));
  await assert.rejects(sent, { message: "Full" });
});

Deno.test("send() runs calls concurrently, each with its own result", async () => {
  const Echo = query("echo", type<number>()).returns<number>();
  const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const app = bootstrap(
    handlers().on(Echo, async (n) => {
      await gates[n]?.promise;
      return n;
    }),
  );
  const sent = [0, 1, 2].map((n) => app.send(Echo(n)));
  for (const gate of gates.toReversed()) gate.resolve();
  assert.deepEqual(await Promise.all(sent), [0, 1, 2]);
});

Deno.test("send() can be called from a handler, for another request of the same app", async () => {
  const app = bootstrap(
    handlers()
      .on(Join, async (_data, { send }) => {
        assert.deepEqual(await send(Read()), { members: ["u1"] });
      })
      .on(Read, () => ({ members: ["u1"] })),
  );
  await app.send(Join({ userId: "u1" }));
});

Deno.test("send() from a handler rejects when nothing handles the request", async () => {
  const app = bootstrap(handlers().on(Join, async (_data, { send }) => void await send(Read())));
  await assert.rejects(app.send(Join({ userId: "u1" })), {
    code: "handler_not_found",
    messageType: "meeting.read",
  });
});

Deno.test("send() from a handler dispatches the events of the nested request before it resolves", async () => {
  const log: string[] = [];
  const Outer = command("outer");
  const app = bootstrap(
    handlers()
      .on(Outer, async (_data, { send }) => {
        await send(Join({ userId: "u1" }));
        log.push("nested send resolved");
      })
      .on(Join, ({ userId }, { emit }) => emit(Entered({ userId })))
      .on(Entered, () => void log.push("event")),
  );
  await app.send(Outer());
  assert.deepEqual(log, ["event", "nested send resolved"]);
});

Deno.test("the events of a nested request are dispatched even if the outer handler throws later", async () => {
  const Outer = command("outer");
  const entered: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Outer, async (_data, { send }) => {
        await send(Join({ userId: "u1" }));
        throw new Error("Later");
      })
      .on(Join, ({ userId }, { emit }) => emit(Entered({ userId })))
      .on(Entered, ({ userId }) => void entered.push(userId)),
  );
  await assert.rejects(app.send(Outer()), { message: "Later" });
  assert.deepEqual(entered, ["u1"]);
});
