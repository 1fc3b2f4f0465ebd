import assert from "node:assert/strict";
import {
  bootstrap,
  circuitBreaker,
  domainEvent,
  fallback,
  type FallbackOptions,
  handlers,
  streamRequest,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder } from "./support.ts";

const Prices = streamRequest("prices").yields<string>();
const Priced = domainEvent("priced");
const Seen = domainEvent("seen");
const away = new Error("Away");

async function* cached(): AsyncGenerator<string> {
  yield "cached 1";
  yield "cached 2";
}

/** Fails after `count` items. */
function failingAfter(count: number) {
  return async function* live(): AsyncGenerator<string> {
    for (let i = 1; i <= count; i++) yield `live ${i}`;
    throw away;
  };
}

/** What the app gives for one reading, and the error at its end. */
async function read(app: { stream(request: ReturnType<typeof Prices>): AsyncIterable<string> }) {
  const items: string[] = [];
  let error: unknown;
  try {
    for await (const item of app.stream(Prices())) items.push(item);
  } catch (thrown) {
    error = thrown;
  }
  return { items, error };
}

const cases: readonly (readonly [
  description: string,
  failsAfter: number,
  options: FallbackOptions,
  items: readonly string[],
  error: unknown,
])[] = [
  ["begins with the secondary when the primary fails before its first item", 0, {}, [
    "cached 1",
    "cached 2",
  ], undefined],
  ["rejects when the primary fails after an item, by default", 1, {}, ["live 1"], away],
  [
    'rejects when the primary fails after an item, in mode "beforeFirstItem"',
    1,
    { mode: "beforeFirstItem" },
    ["live 1"],
    away,
  ],
  [
    'begins again with the secondary after an item, in mode "restart"',
    2,
    { mode: "restart" },
    ["live 1", "live 2", "cached 1", "cached 2"],
    undefined,
  ],
  [
    "rejects with the primary's error when that does not match the filter",
    0,
    { when: () => false },
    [],
    away,
  ],
  [
    "begins with the secondary when the error matches the filter",
    0,
    { when: (error) => error === away },
    ["cached 1", "cached 2"],
    undefined,
  ],
];

for (const [description, failsAfter, options, items, error] of cases) {
  Deno.test(`fallback() of a stream ${description}`, async () => {
    const app = bootstrap(
      handlers().on(Prices, fallback(failingAfter(failsAfter), cached, options)),
    );
    assert.deepEqual(await read(app), { items, error });
  });
}

Deno.test("fallback() of a stream does not ask the secondary when the primary comes to its end", async () => {
  const app = bootstrap(handlers().on(Prices, fallback(cached, () => assert.fail("asked"))));
  assert.deepEqual(await read(app), { items: ["cached 1", "cached 2"], error: undefined });
});

Deno.test("fallback() of a stream runs the primary's finally before the secondary begins", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().on(
      Prices,
      fallback(async function* () {
        try {
          yield* failingAfter(0)();
        } finally {
          log.push("primary finally");
        }
      }, async function* () {
        log.push("secondary");
        yield* cached();
      }),
    ),
  );
  await read(app);
  assert.deepEqual(log, ["primary finally", "secondary"]);
});

Deno.test("fallback() of a stream drops what the primary emitted since its last item", async () => {
  const { observer, of } = recorder();
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(
        Prices,
        fallback(
          async function* (_data, { emit }) {
            emit(Priced());
            yield "live 1";
            emit(Seen());
            throw away;
          },
          async function* (_data, { emit }) {
            emit(Priced());
            yield "cached";
          },
          { mode: "restart" },
        ),
      )
      .on(Priced, () => void log.push("priced"))
      .on(Seen, () => assert.fail("dispatched")),
    { observer },
  );
  assert.deepEqual((await read(app)).items, ["live 1", "cached"]);
  assert.deepEqual(log, ["priced", "priced"]);
  assert.equal(of("dropped").length, 1);
  assert.deepEqual(of("fell_back").map(({ error }) => error), [away]);
});

Deno.test("fallback() of a stream rejects with the secondary's error when both fail", async () => {
  const app = bootstrap(
    handlers().on(
      Prices,
      fallback(failingAfter(0), async function* () {
        yield "cached 1";
        throw new Error("Empty");
      }),
    ),
  );
  const { items, error } = await read(app);
  assert.deepEqual(items, ["cached 1"]);
  assert.equal((error as Error).message, "Empty");
});

Deno.test("fallback() of a stream gives none to a reader that leaves, or a caller that aborts", async () => {
  const caller = new AbortController();
  const app = bootstrap(
    handlers().on(
      Prices,
      fallback(
        async function* (_data, { signal }) {
          yield "live 1";
          await new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason))
          );
        },
        () => assert.fail("asked"),
        { mode: "restart" },
      ),
    ),
  );
  const left = app.stream(Prices());
  await left.next();
  const pending = left.next();
  await left.return();
  await pending;
  const aborted = app.stream(Prices(), { signal: caller.signal });
  await aborted.next();
  const reading = aborted.next();
  caller.abort(away);
  await assert.rejects(reading, away);
  await app[Symbol.asyncDispose]();
});

function guarded() {
  const clock = new ManualClock();
  const breaker = circuitBreaker({
    name: "prices",
    failureThreshold: 2,
    resetTimeoutMs: 1_000,
    clock,
  });
  return { clock, breaker };
}

Deno.test("fallback() of a stream opens its circuit when the primary fails repeatedly", async () => {
  const { clock, breaker } = guarded();
  let asked = 0;
  let isAway = true;
  const app = bootstrap(
    handlers().on(
      Prices,
      fallback(
        async function* () {
          asked++;
          if (isAway) throw away;
          yield "live";
        },
        cached,
        { circuitBreaker: breaker },
      ),
    ),
  );
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(await read(app), { items: ["cached 1", "cached 2"], error: undefined });
  }
  assert.equal(asked, 2);
  await clock.advance(1_000);
  isAway = false;
  assert.deepEqual((await read(app)).items, ["live"]);
});

Deno.test("fallback() of a stream counts a failure in the middle against the circuit", async () => {
  const { breaker } = guarded();
  const app = bootstrap(
    handlers().on(Prices, fallback(failingAfter(1), cached, { circuitBreaker: breaker })),
  );
  assert.deepEqual(await read(app), { items: ["live 1"], error: away });
  assert.deepEqual(await read(app), { items: ["live 1"], error: away });
  assert.deepEqual(await read(app), { items: ["cached 1", "cached 2"], error: undefined });
});

Deno.test("fallback() of a stream never opens the circuit for errors that `when` excludes", async () => {
  const { breaker } = guarded();
  const when = (error: unknown) => error !== away;
  const app = bootstrap(
    handlers().on(Prices, fallback(failingAfter(0), cached, { circuitBreaker: breaker, when })),
  );
  for (let i = 0; i < 5; i++) assert.deepEqual(await read(app), { items: [], error: away });
});

Deno.test("fallback() of a stream counts a reader that leaves neither for nor against the circuit", async () => {
  const { breaker } = guarded();
  let isAway = true;
  let asked = 0;
  const app = bootstrap(
    handlers().on(
      Prices,
      fallback(
        async function* () {
          asked++;
          if (isAway) throw away;
          yield "live";
          yield "live";
        },
        cached,
        { circuitBreaker: breaker },
      ),
    ),
  );
  await read(app); // the first failure
  isAway = false;
  for await (const _item of app.stream(Prices())) break; // left: the failure still stands
  isAway = true;
  await read(app); // the second failure opens the circuit
  await read(app);
  assert.equal(asked, 3);
});

Deno.test("fallback() of a stream gives the trial back when its reader leaves", async () => {
  const { clock, breaker } = guarded();
  let isAway = true;
  const app = bootstrap(
    handlers().on(
      Prices,
      fallback(
        async function* () {
          if (isAway) throw away;
          yield "live";
          yield "live";
        },
        cached,
        { circuitBreaker: breaker },
      ),
    ),
  );
  await read(app);
  await read(app);
  await clock.advance(1_000);
  isAway = false;
  for await (const _item of app.stream(Prices())) break;
  assert.deepEqual((await read(app)).items, ["live", "live"]);
});
