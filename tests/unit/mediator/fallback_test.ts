import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  circuitBreaker,
  CircuitOpenError,
  command,
  domainEvent,
  EventHandlingError,
  fallback,
  handlers,
  memoryBroker,
  notification,
  query,
  type,
  withRetry,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { bodyOf, lateCodec, recorder } from "./support.ts";

const Quote = query("quote", type<string>()).returns<string>();
const Quoted = domainEvent("quoted", type<string>());
const away = new Error("Away");

const failing = () => {
  throw away;
};

Deno.test("fallback() gives the primary's answer and does not ask the secondary", async () => {
  const app = bootstrap(handlers().on(Quote, fallback(() => "live", () => assert.fail("asked"))));
  assert.equal(await app.send(Quote("x")), "live");
});

for (
  const [description, primary] of [
    ["throws", failing],
    ["rejects", () => Promise.reject(away)],
  ] as const
) {
  Deno.test(`fallback() gives the secondary's answer and events when the primary ${description}`, async () => {
    const quoted: string[] = [];
    const app = bootstrap(
      handlers()
        .on(Quote, fallback(primary, (of, { emit }) => (emit(Quoted("cached")), `cached ${of}`)))
        .on(Quoted, (from) => void quoted.push(from)),
    );
    assert.equal(await app.send(Quote("x")), "cached x");
    assert.deepEqual(quoted, ["cached"]);
  });
}

Deno.test("fallback() drops what the primary emitted before it failed", async () => {
  const { observer, of } = recorder();
  const quoted: string[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Quote,
        fallback((_of, { emit }) => {
          emit(Quoted("primary"));
          throw away;
        }, (_of, { emit }) => (emit(Quoted("secondary")), "")),
      )
      .on(Quoted, (from) => void quoted.push(from)),
    { observer },
  );
  await app.send(Quote("x"));
  assert.deepEqual(quoted, ["secondary"]);
  assert.deepEqual(of("dropped").flatMap(({ messages }) => messages.map(({ data }) => data)), [
    "primary",
  ]);
  assert.deepEqual(of("fell_back").map(({ error }) => error), [away]);
});

Deno.test("fallback() asks the secondary when the error matches its filter", async () => {
  const app = bootstrap(
    handlers().on(Quote, fallback(failing, () => "cached", { when: (error) => error === away })),
  );
  assert.equal(await app.send(Quote("x")), "cached");
});

Deno.test("fallback() rejects with the primary's error when that does not match its filter", async () => {
  const app = bootstrap(
    handlers().on(
      Quote,
      fallback(failing, () => assert.fail("asked"), {
        when: (error) => error instanceof RangeError,
      }),
    ),
  );
  await assert.rejects(app.send(Quote("x")), (error) => error === away);
});

Deno.test("fallback() rejects with the secondary's error when both fail", async () => {
  const app = bootstrap(
    handlers().on(
      Quote,
      fallback(failing, () => {
        throw new Error("Empty");
      }),
    ),
  );
  await assert.rejects(app.send(Quote("x")), { message: "Empty" });
});

Deno.test("fallback() asks the secondary when an asynchronous codec refuses what the primary emitted", async () => {
  const Told = notification("told", { topic: "news", data: type<number>() });
  const broker = memoryBroker();
  const app = bootstrap(
    handlers().on(
      Quote,
      fallback(
        (_of, { emit }) => (emit(Told(-1)), "live"),
        (_of, { emit }) => (emit(Told(1)), "cached"),
      ),
    ),
    { broker, codec: lateCodec },
  );
  assert.equal(await app.send(Quote("x")), "cached");
  assert.deepEqual(broker.messages("news").map(bodyOf), [1]);
});

Deno.test("fallback() accepts handlers without a result", async () => {
  const Do = command("do");
  let done = 0;
  const app = bootstrap(handlers().on(Do, fallback(failing, () => void done++)));
  assert.equal(await app.send(Do()), undefined);
  assert.equal(done, 1);
});

Deno.test("fallback() can stand in another one, in a chain's place, and around retries", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(
      Quote,
      fallback(
        fallback(
          withRetry(() => {
            log.push("retried");
            throw away;
          }, { maxAttempts: 2, backoff: () => 0 }),
          chain((_of, { next }) => (log.push("link 1"), next()), () => {
            log.push("link 2");
            throw away;
          }),
        ),
        () => "last",
      ),
    ),
  );
  assert.equal(await app.send(Quote("x")), "last");
  assert.deepEqual(log, ["retried", "retried", "link 1", "link 2"]);
});

Deno.test("fallback() of an event handler runs the secondary and dispatches its follow-ups alone", async () => {
  const Stored = domainEvent("stored", type<string>());
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Quoted,
        fallback((_from, { emit }) => {
          emit(Stored("primary"));
          throw away;
        }, (_from, { emit }) => emit(Stored("secondary"))),
        () => void log.push("sibling"),
      )
      .on(Stored, (where) => void log.push(where)),
  );
  await app.dispatch(Quoted("x"));
  assert.deepEqual(log, ["sibling", "secondary"]);
});

Deno.test("fallback() of an event handler does not run the secondary when a follow-up fails", async () => {
  const Stored = domainEvent("stored");
  const app = bootstrap(
    handlers()
      .on(Quoted, fallback((_from, { emit }) => emit(Stored()), () => assert.fail("asked")))
      .on(Stored, failing),
  );
  await assert.rejects(app.dispatch(Quoted("x")), (error) => {
    assert.ok(error instanceof EventHandlingError);
    assert.deepEqual(error.errors, [away]);
    return true;
  });
});

/** An app whose primary fails at will, behind a breaker that opens after three failures. */
function guardedApp(
  { isFailure, when }: {
    isFailure?: (error: unknown) => boolean;
    when?: (error: unknown) => boolean;
  } = {},
) {
  const clock = new ManualClock();
  const calls = { primary: 0, secondary: 0 };
  let error: unknown;
  const breaker = circuitBreaker({
    name: "quotes",
    failureThreshold: 3,
    resetTimeoutMs: 2_000,
    clock,
    isFailure,
  });
  const { observer, of } = recorder();
  const app = bootstrap(
    handlers().on(
      Quote,
      fallback(() => {
        calls.primary++;
        if (error !== undefined) throw error;
        return "live";
      }, () => {
        calls.secondary++;
        return "cached";
      }, { circuitBreaker: breaker, when }),
    ),
    { observer },
  );
  return { app, calls, clock, of, fail: (next: unknown) => error = next };
}

Deno.test("fallback() with a circuit breaker that is closed gives the primary's answer", async () => {
  const { app, calls } = guardedApp();
  for (let i = 0; i < 5; i++) assert.equal(await app.send(Quote("x")), "live");
  assert.deepEqual(calls, { primary: 5, secondary: 0 });
});

Deno.test("fallback() answers without asking a primary whose circuit is open", async () => {
  const { app, calls, fail, of } = guardedApp();
  fail(away);
  for (let i = 0; i < 3; i++) assert.equal(await app.send(Quote("x")), "cached");
  assert.deepEqual(calls, { primary: 3, secondary: 3 });
  assert.equal(await app.send(Quote("x")), "cached");
  assert.deepEqual(calls, { primary: 3, secondary: 4 });
  const errors = of("fell_back").map(({ error }) => error);
  assert.deepEqual(errors.slice(0, 3), [away, away, away]);
  assert.ok(errors[3] instanceof CircuitOpenError);
  assert.equal(errors[3].retryAfterMs, 2_000);
});

Deno.test("fallback() never opens the circuit for errors that `when` excludes", async () => {
  const { app, calls, fail } = guardedApp({ when: (error) => error !== away });
  for (const error of [new Error("1"), new Error("2"), away, new Error("3"), new Error("4")]) {
    fail(error);
    if (error !== away) assert.equal(await app.send(Quote("x")), "cached");
    else await assert.rejects(app.send(Quote("x")), (thrown) => thrown === away);
  }
  fail(away);
  for (let i = 0; i < 5; i++) {
    await assert.rejects(app.send(Quote("x")), (error) => error === away);
  }
  assert.deepEqual(calls, { primary: 10, secondary: 4 });
});

Deno.test("fallback() lets one trial through after the timeout, and opens again when that fails", async () => {
  const { app, calls, clock, fail } = guardedApp();
  fail(new Error("Failing"));
  for (let i = 0; i < 4; i++) await app.send(Quote("x"));
  assert.deepEqual(calls, { primary: 3, secondary: 4 });
  await clock.advance(2_000);
  await app.send(Quote("x"));
  await app.send(Quote("x"));
  assert.deepEqual(calls, { primary: 4, secondary: 6 });
  await clock.advance(2_000);
  fail(undefined);
  assert.equal(await app.send(Quote("x")), "live");
  assert.equal(await app.send(Quote("x")), "live");
});

Deno.test("fallback() sends concurrent calls to the secondary while the circuit is open", async () => {
  const { app, calls, fail } = guardedApp();
  fail(new Error("Failing"));
  for (let i = 0; i < 3; i++) await app.send(Quote("x"));
  const answers = await Promise.all(Array.from({ length: 5 }, () => app.send(Quote("x"))));
  assert.deepEqual(answers, Array(5).fill("cached"));
  assert.equal(calls.primary, 3);
});

Deno.test("fallback() leaves the circuit closed for business errors", async () => {
  const { app, calls, fail } = guardedApp({
    isFailure: (error) => error !== away,
    when: (error) => error !== away,
  });
  fail(away);
  for (let i = 0; i < 10; i++) {
    await assert.rejects(app.send(Quote("x")), (error) => error === away);
  }
  assert.equal(calls.primary, 10);
});

Deno.test("two fallbacks with circuits of two names do not disturb each other", async () => {
  const Other = query("other").returns<string>();
  const guarded = (name: string) => ({
    circuitBreaker: circuitBreaker({ name, failureThreshold: 1, clock: new ManualClock() }),
  });
  let asked = 0;
  const app = bootstrap(
    handlers()
      .on(Quote, fallback(failing, () => "cached", guarded("quotes")))
      .on(Other, fallback(() => `live ${++asked}`, () => "cached", guarded("others"))),
  );
  await app.send(Quote("x"));
  assert.equal(await app.send(Other()), "live 1");
});
