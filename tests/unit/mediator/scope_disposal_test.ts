import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  EventHandlingError,
  fallback,
  handlers,
  retry,
  streamRequest,
  token,
  withRetry,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { recorder } from "./support.ts";

const Do = command("do").returns<string>();
const Items = streamRequest("items").yields<number>();
const Done = domainEvent("done");
const Audited = domainEvent("audited");
const Unit = token<object>("unit of work");

const broken = new Error("The unit of work does not end");
const failure = new Error("The handler fails");

/** Scopes for each run whose disposal fails, seen by an observer. */
function breaking() {
  const services = container().provide(Unit, () => ({}), {
    lifetime: "scoped",
    dispose: () => Promise.reject(broken),
  });
  const { observer, of } = recorder();
  return { of, options: { container: services, scope: "handler", observer } as const };
}

/** A handler that needs a service and emits, and counts its runs. */
function working() {
  let runs = 0;
  return {
    runs: () => runs,
    handle: async (_data: unknown, { resolve, emit }: Pick<Context, "resolve" | "emit">) => {
      runs++;
      await resolve(Unit);
      emit(Done());
      return "worked";
    },
  };
}

Deno.test("a disposal that fails after the handler succeeded fails the call, whose events are dispatched", async () => {
  const { options, of } = breaking();
  let events = 0;
  const app = bootstrap(
    handlers().on(Do, working().handle).on(Done, () => void events++),
    options,
  );
  await assert.rejects(app.send(Do()), broken);
  assert.equal(events, 1);
  assert.deepEqual(of("disposal_failed").map(({ message, error }) => [message.type, error]), [
    ["do", broken],
  ]);
  assert.deepEqual(of("dropped"), []);
  assert.equal(of("failed")[0]?.error, broken);
});

for (const where of ["a middleware", "a handler"] as const) {
  Deno.test(`a disposal that fails after the handler succeeded does not make retries of ${where} run it again`, async () => {
    const { options, of } = breaking();
    const { runs, handle } = working();
    const policy = { backoff: () => 0 };
    const events = handlers().on(Done, () => {});
    const app = bootstrap(
      where === "a middleware"
        ? events.use(retry(policy)).on(Do, handle)
        : events.on(Do, withRetry(handle, policy)),
      options,
    );
    await assert.rejects(app.send(Do()), broken);
    assert.equal(runs(), 1);
    assert.deepEqual(of("retrying"), []);
    assert.deepEqual(of("completed").map(({ message }) => message.type), ["done"]);
  });
}

Deno.test("a disposal that fails after the primary succeeded does not make its fallback answer", async () => {
  const { options, of } = breaking();
  let asked = 0;
  const app = bootstrap(
    handlers()
      .on(Do, fallback(working().handle, () => `${++asked}`))
      .on(Done, () => {}),
    options,
  );
  await assert.rejects(app.send(Do()), broken);
  assert.equal(asked, 0);
  assert.deepEqual(of("fell_back"), []);
  assert.deepEqual(of("completed").map(({ message }) => message.type), ["done"]);
});

Deno.test("a disposal that fails after the handler failed leaves its error to the caller", async () => {
  const { options, of } = breaking();
  const app = bootstrap(
    handlers().on(Do, async (_data, { resolve }) => {
      await resolve(Unit);
      throw failure;
    }),
    options,
  );
  await assert.rejects(app.send(Do()), failure);
  assert.deepEqual(of("disposal_failed").map(({ error }) => error), [broken]);
});

Deno.test("a disposal that fails after an attempt failed does not fail the call whose next attempt succeeds", async () => {
  const { options, of } = breaking();
  let runs = 0;
  const app = bootstrap(
    handlers().on(
      Do,
      withRetry(async (_data, { resolve }) => {
        if (++runs > 1) return "worked";
        await resolve(Unit);
        throw failure;
      }, { backoff: () => 0 }),
    ),
    options,
  );
  assert.equal(await app.send(Do()), "worked");
  assert.equal(of("disposal_failed").length, 1);
});

Deno.test("a disposal that fails after an event handler succeeded is a failure of its event, whose follow-ups are dispatched", async () => {
  const { options, of } = breaking();
  let audited = 0;
  const app = bootstrap(
    handlers()
      .on(Do, (_data, { emit }) => {
        emit(Done());
        return "worked";
      })
      .on(Done, async (_data, { resolve, emit }) => {
        await resolve(Unit);
        emit(Audited());
      })
      .on(Audited, () => void audited++),
    options,
  );
  const error = await app.send(Do()).catch((error) => error);
  assert.ok(error instanceof EventHandlingError);
  assert.deepEqual(error.failures.map(({ event, error }) => [event.type, error]), [
    ["done", broken],
  ]);
  assert.equal(error.result, "worked");
  assert.equal(audited, 1);
  assert.deepEqual(of("disposal_failed").map(({ message }) => message.type), ["done"]);
});

Deno.test("a disposal that fails after a streaming handler succeeded fails the read after its last item", async () => {
  const { options, of } = breaking();
  let events = 0;
  const app = bootstrap(
    handlers()
      .on(Items, async function* (_data, { resolve, emit }) {
        await resolve(Unit);
        yield 1;
        yield 2;
        emit(Done());
      })
      .on(Done, () => void events++),
    options,
  );
  const items: number[] = [];
  await assert.rejects(async () => {
    for await (const item of app.stream(Items())) items.push(item);
  }, broken);
  assert.deepEqual(items, [1, 2]);
  assert.equal(events, 1);
  assert.deepEqual(of("disposal_failed").map(({ message }) => message.type), ["items"]);
  assert.deepEqual(of("failed").map(({ error }) => error), [broken]);
});

Deno.test("a disposal that fails after a streaming handler failed leaves its error to the reader", async () => {
  const { options, of } = breaking();
  const app = bootstrap(
    handlers().on(Items, async function* (_data, { resolve }) {
      await resolve(Unit);
      yield 1;
      throw failure;
    }),
    options,
  );
  await assert.rejects(Array.fromAsync(app.stream(Items())), failure);
  assert.equal(of("disposal_failed").length, 1);
});
