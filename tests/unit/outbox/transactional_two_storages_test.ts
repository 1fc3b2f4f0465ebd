import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  type Middleware,
  notification,
  type,
} from "../../../mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import type { StorageTransaction } from "../../../src/storage/mod.ts";
import { recorder } from "../mediator/support.ts";
import { ledger } from "./ledger.ts";

const Outer = command("outer").returns<string>();
const Inner = command("inner").returns<string>();
const Innermost = command("innermost");
const Done = domainEvent("done", type<string>());
const Further = domainEvent("further", type<string>());
const Told = notification("told", { topic: "news", data: type<string>(), key: () => "k" });
const failure = new Error("Failed");
const reason = new Error("The caller has left");

/** Two storages that write to one log. */
function pair() {
  const log: string[] = [];
  return { log, a: ledger(log, "a "), b: ledger(log, "b ") };
}

Deno.test("transactional() of another storage within it opens a transaction of its own, which takes the notifications", async () => {
  const { log, a, b } = pair();
  const seen: StorageTransaction[] = [];
  const look: Middleware<object, { tx: StorageTransaction }> = ({ tx }, next) => {
    seen.push(tx);
    return next();
  };
  const app = bootstrap(
    handlers().on(Done, () => void log.push("event"))
      .use(transactional(a)).use(look).use(transactional(b)).use(look).on(
        Outer,
        (_data, { emit }) => {
          emit(Told("1"), Done("1"));
          return "";
        },
      ),
  );
  await app.send(Outer());
  assert.notEqual(seen[0], seen[1]);
  assert.deepEqual(log, [
    "a begin 1",
    "b begin 1",
    "b append 1 told",
    "b committing 1",
    "b commit 1",
    "a committing 1",
    "a commit 1",
    "event",
  ]);
});

Deno.test("what follows from the inner of two transactions is done although the outer one fails to commit", async () => {
  const { log, a, b } = pair();
  a.at.committing = () => Promise.reject(failure);
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(Done, () => void log.push("event"))
      .use(transactional(a)).use(transactional(b)).on(Outer, (_data, { emit }) => {
        emit(Told("1"), Done("1"));
        return "";
      }),
    { observer },
  );
  await assert.rejects(app.send(Outer()), failure);
  assert.deepEqual(log.slice(-4), ["b commit 1", "a committing 1", "a rollback 1", "event"]);
  assert.equal(of("stored").length, 1);
  assert.deepEqual(of("dropped"), []);
});

Deno.test("an abort between the commits of two transactions is too late", async () => {
  const { log, a, b } = pair();
  const caller = new AbortController();
  b.at.committed = () => caller.abort(reason);
  const app = bootstrap(
    handlers().use(transactional(a)).use(transactional(b)).on(Outer, () => "done"),
  );
  assert.equal(await app.send(Outer(), { signal: caller.signal }), "done");
  assert.deepEqual(log.slice(-3), ["b commit 1", "a committing 1", "a commit 1"]);
});

/** An outer command in storage a that sends one in storage b, whose event is handled in a. */
function nested(finish: () => void) {
  const { log, a, b } = pair();
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers()
      .add(
        handlers().use(transactional(b)).on(Inner, (_data, { emit }) => {
          emit(Told("inner"), Done("inner"));
          return "inner";
        }),
      )
      .on(Further, (text) => void log.push(`event ${text}`))
      .on(Done, (_text, { emit }) => emit(Told("from the event, unbound")))
      .use(transactional(a))
      .on(Done, (_text, { emit }) => emit(Told("from the event"), Further("further")))
      .on(Outer, async (_data, { emit, send }) => {
        emit(Told("outer"));
        const result = await send(Inner());
        log.push("outer goes on");
        finish();
        return result;
      }),
    { observer, eventHandling: { concurrency: 1 } },
  );
  return { app, log, a, b, of };
}

Deno.test("a nested send within a transaction of another storage commits by itself, and its events are handled in the open one", async () => {
  const { app, log, a, b } = nested(() => {});
  assert.equal(await app.send(Outer()), "inner");
  assert.deepEqual(log, [
    "a begin 1",
    "b begin 1",
    "b append 1 told",
    "b committing 1",
    "b commit 1",
    "outer goes on",
    "a append 1 told told told",
    "a committing 1",
    "a commit 1",
    "event further",
  ]);
  assert.deepEqual(await a.outboxed(), [
    'told "outer"',
    'told "from the event, unbound"',
    'told "from the event"',
  ]);
  assert.deepEqual(await b.outboxed(), ['told "inner"']);
});

Deno.test("a nested send within a transaction of another storage stays committed when that is rolled back", async () => {
  const { app, log, a, b, of } = nested(() => {
    throw failure;
  });
  await assert.rejects(app.send(Outer()), failure);
  assert.deepEqual(log.slice(-2), ["outer goes on", "a rollback 1"]);
  assert.deepEqual(await a.outboxed(), []);
  assert.deepEqual(await b.outboxed(), ['told "inner"']);
  assert.equal(of("stored").length, 1);
  assert.deepEqual(
    of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)),
    ["outer", "from the event, unbound", "from the event", "further"],
  );
});

for (const fails of [false, true]) {
  Deno.test(`a nested send that comes back to the outer one of two storages belongs to that, which ${fails ? "is rolled back" : "commits"}`, async () => {
    const { a, b } = pair();
    const events: string[] = [];
    const app = bootstrap(
      handlers().on(Done, (text) => void events.push(text))
        .add(
          handlers().use(transactional(b)).on(Inner, async (_data, { emit, send }) => {
            emit(Told("inner"));
            await send(Innermost());
            return "";
          }),
        )
        .use(transactional(a))
        .on(Innermost, (_data, { tx, emit }) => {
          tx.client.set("n", 1);
          emit(Told("innermost"), Done("innermost"));
        })
        .on(Outer, async (_data, { emit, send }) => {
          emit(Told("outer"));
          await send(Inner());
          assert.deepEqual(events, []);
          if (fails) throw failure;
          return "";
        }),
    );
    const sent = app.send(Outer());
    if (fails) await assert.rejects(sent, failure);
    else await sent;
    assert.deepEqual(await b.outboxed(), ['told "inner"']);
    assert.deepEqual(await a.outboxed(), fails ? [] : ['told "outer"', 'told "innermost"']);
    assert.equal(await a.valueOf("n"), fails ? undefined : 1);
    assert.deepEqual(events, fails ? [] : ["innermost"]);
  });
}
