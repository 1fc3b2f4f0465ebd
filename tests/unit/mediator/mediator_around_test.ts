import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  memoryBroker,
  type Middleware,
  notification,
  type ObserverEvent,
  type,
  type UnitOfWork,
} from "@sluice/cqrs";
import assert from "node:assert/strict";

const Joined = notification("joined", { topic: "users", data: type<{ id: string }>() });
const Noted = domainEvent("noted", type<{ by: string }>());
const Sent = notification("sent", { topic: "mails", data: type<{ to: string }>() });
const Join = command("join", type<{ id: string }>()).returns<string>();

/** A unit of work that notes what happens to it, and commits when it is told. */
function unit(log: string[]): { readonly work: UnitOfWork; readonly around: Middleware } {
  const work: UnitOfWork = {
    domainEvents: "inside",
    store: (envelopes) => {
      log.push(`stored ${envelopes.map((envelope) => envelope.type)}`);
      return Promise.resolve();
    },
  };
  const around: Middleware = async (_context, next) => {
    log.push("begin");
    try {
      const result = await next({ unitOfWork: work });
      log.push("commit");
      return result;
    } catch (error) {
      log.push("rollback");
      throw error;
    }
  };
  return { work, around };
}

Deno.test("dispatch() with a middleware around it runs the handlers one after the other, in one unit of work", async () => {
  const log: string[] = [];
  const seen: ObserverEvent[] = [];
  const app = bootstrap(
    handlers()
      .on(Joined, async ({ id }, { emit }) => {
        log.push("first begins");
        await Promise.resolve();
        emit(Noted({ by: "first" }), Sent({ to: id }));
        log.push("first ends");
      }, (_data, { emit }) => {
        log.push("second");
        emit(Noted({ by: "second" }));
      })
      .on(Noted, ({ by }) => void log.push(`noted by ${by}`)),
    { observer: (event) => void seen.push(event) },
  );
  await app.dispatch(Joined({ id: "u1" }), { around: unit(log).around });
  assert.deepEqual(log, [
    "begin",
    "first begins",
    "first ends",
    "second",
    "noted by first",
    "noted by second",
    "stored sent",
    "commit",
  ]);
  assert.equal(seen.filter((event) => event.type === "stored").length, 1);
  const ends = seen.filter((event) =>
    event.type === "completed" && event.message.type === "joined"
  );
  assert.equal(ends.length, 1);
});

Deno.test("dispatch() with a middleware around it fails with what the first handler throws, and runs no other", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(Joined, (_data, { emit }) => {
      emit(Sent({ to: "nobody" }));
      throw new RangeError("No");
    }, () => void log.push("second")),
  );
  await assert.rejects(
    app.dispatch(Joined({ id: "u1" }), { around: unit(log).around }),
    (error) => error instanceof RangeError && error.message === "No",
  );
  assert.deepEqual(log, ["begin", "rollback"]);
});

Deno.test("dispatch() with a middleware around it is cancelled by its signal until the commit begins", async () => {
  const log: string[] = [];
  const caller = new AbortController();
  const app = bootstrap(
    handlers().on(Joined, async (_data, { signal }) => {
      caller.abort(new Error("Enough"));
      await Promise.resolve();
      log.push(`aborted ${signal.aborted}`);
    }),
  );
  const { around } = unit(log);
  await assert.rejects(
    app.dispatch(Joined({ id: "u1" }), { around, signal: caller.signal }),
    /Enough/,
  );
  await assert.rejects(
    app.dispatch(Joined({ id: "u1" }), { around, signal: caller.signal }),
    /Enough/,
  );
  assert.equal(log.filter((line) => line === "begin").length, 1);
  assert.equal(log.includes("commit"), false);
});

Deno.test("dispatch() without one refuses to begin when its signal has aborted", async () => {
  let runs = 0;
  const app = bootstrap(handlers().on(Joined, () => void runs++));
  const signal = AbortSignal.abort(new Error("Enough"));
  await assert.rejects(app.dispatch(Joined({ id: "u1" }), { signal }), /Enough/);
  assert.equal(runs, 0);
});

Deno.test("send() with a middleware around it makes the call a part of its unit of work", async () => {
  const log: string[] = [];
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(Join, ({ id }, { emit }) => {
      emit(Sent({ to: id }));
      return `welcome ${id}`;
    }),
    { broker },
  );
  assert.equal(await app.send(Join({ id: "u1" }), { around: unit(log).around }), "welcome u1");
  assert.deepEqual(log, ["begin", "stored sent", "commit"]);
  assert.deepEqual(broker.topics(), []);
});

Deno.test("definitions has each definition once", () => {
  const app = bootstrap(
    handlers().on(Joined, () => {}, () => {}).on(Join, () => "").on(Noted, () => {}),
  );
  assert.deepEqual(app.definitions, [Joined, Join, Noted]);
});
