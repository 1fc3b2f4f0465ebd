import assert from "node:assert/strict";
import {
  bootstrap,
  type BootstrapOptions,
  chain,
  command,
  domainEvent,
  fallback,
  type HandlerModule,
  handlers,
  notification,
  query,
  streamRequest,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";

const Do = command("thing.do");
const Ask = query("thing.ask").returns<number>();
const List = streamRequest("thing.list").yields<number>();
const Done = domainEvent("thing.done");
const Told = notification("thing.told", { topic: "things", data: type<number>() });

class NeedsService {
  readonly service: object;
  constructor(service: object) {
    this.service = service;
  }
  handle(): void {}
}

/** Plain JavaScript can bind what does not compile. */
function bind(definition: unknown, ...bound: unknown[]): HandlerModule<never> {
  const registry: { on(...args: never[]): HandlerModule<never> } = handlers();
  return registry.on(definition as never, ...bound as never[]);
}

const twice = () => {};
const refusals:
  readonly (readonly [description: string, registry: () => HandlerModule<never>, error: object])[] =
    [
      [
        "two handlers of one request",
        () => bind(Do, () => {}, () => {}),
        { name: "DuplicateHandlerError", message: 'Cannot handle "thing.do" twice' },
      ],
      [
        "a request that two modules handle",
        () => handlers().on(Do, () => {}).add(handlers().on(Do, () => {})) as never,
        { name: "DuplicateHandlerError", messageType: "thing.do", code: "duplicate_handler" },
      ],
      [
        "an event that is bound twice to the same handler",
        () => handlers().on(Done, twice).on(Done, twice) as never,
        { name: "DuplicateHandlerError", message: 'Cannot handle "thing.done" twice' },
      ],
      [
        "one name for a domain event and a notification",
        () =>
          handlers()
            .on(Done, () => {})
            .on(
              notification("thing.done", { topic: "t", data: type<number>() }),
              () => {},
            ) as never,
        {
          name: "TypeError",
          message: 'Cannot handle "thing.done" as event and as notification',
        },
      ],
      [
        "two notifications with one wire type on one topic",
        () =>
          handlers().on(Told, () => {}).on(
            notification("thing.told.again", {
              topic: "things",
              wireType: "thing.told",
              data: type<number>(),
            }),
            () => {},
          ) as never,
        {
          name: "TypeError",
          message:
            'Cannot tell "thing.told.again" from "thing.told" as both are "thing.told" on topic "things"',
        },
      ],
      [
        "a chain for a stream",
        () => bind(List, chain(() => {})),
        { name: "TypeError", message: 'Cannot handle "thing.list" with a chain as it is a stream' },
      ],
      [
        "an async function for a stream",
        () => bind(List, async function list() {}),
        {
          name: "TypeError",
          message:
            'Cannot handle "thing.list" with async function "list": a stream needs an async generator',
        },
      ],
      [
        "an anonymous async function for a stream",
        () => bind(List, ...[async () => {}]),
        {
          name: "TypeError",
          message:
            'Cannot handle "thing.list" with async function "anonymous": a stream needs an async generator',
        },
      ],
      [
        "an object with an async method for a stream",
        () => bind(List, { async handle() {} }),
        {
          name: "TypeError",
          message: /^Cannot handle "thing\.list" with async function "handle": /,
        },
      ],
      [
        "a class with an async method for a stream",
        () =>
          bind(
            List,
            class {
              async handle() {}
            },
          ),
        {
          name: "TypeError",
          message: /^Cannot handle "thing\.list" with async function "handle": /,
        },
      ],
      [
        "a generator that is not asynchronous for a stream",
        () => bind(List, function* list() {}),
        { name: "TypeError", message: /^Cannot handle "thing\.list" with / },
      ],
      [
        "an async generator for a command",
        () => bind(Do, async function* work() {}),
        {
          name: "TypeError",
          message: 'Cannot handle "thing.do" with generator "work": a command is answered once',
        },
      ],
      [
        "a generator for a query",
        () => bind(Ask, function* work() {}),
        {
          name: "TypeError",
          message: 'Cannot handle "thing.ask" with generator "work": a query is answered once',
        },
      ],
      [
        "a generator for an event",
        () => bind(Done, async function* work() {}),
        { name: "TypeError", message: /^Cannot handle "thing\.done" with generator "work": / },
      ],
      [
        "nothing for a handler",
        () => bind(Do, undefined),
        {
          name: "TypeError",
          message:
            'Cannot handle "thing.do" with undefined: a handler is a function, an object with "handle" or a class of such objects',
        },
      ],
      [
        "null for a handler",
        () => bind(Do, null),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with null: / },
      ],
      [
        "an object without handle",
        () => bind(Do, { handel() {} }),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with object: / },
      ],
      [
        "a chain with a link that is no handler",
        () => bind(Do, chain(7 as never)),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with number: / },
      ],
      [
        "a chain with a link that is a generator",
        () => bind(Do, chain(function* link() {} as never)),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with generator "link": / },
      ],
      [
        "a chain whose default is no handler",
        () => bind(Do, chain(() => {}, { otherwise: "nobody" as never })),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with string: / },
      ],
      [
        "a fallback whose primary is no handler",
        () => bind(Do, fallback(undefined as never, () => {})),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with undefined: / },
      ],
      [
        "a fallback whose secondary is no handler",
        () => bind(Do, fallback(() => {}, {} as never)),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with object: / },
      ],
      [
        "a fallback of a stream that does not stream",
        () =>
          bind(List, fallback(async function* () {} as never, async function once() {} as never)),
        { name: "TypeError", message: /^Cannot handle "thing\.list" with async function "once": / },
      ],
      [
        "a fallback of a command that streams",
        () => bind(Do, fallback(() => {}, async function* many() {} as never)),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with generator "many": / },
      ],
      [
        "a retried handler that is none",
        () => bind(Do, withRetry(7 as never)),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with number: / },
      ],
      [
        "a handler with a time limit that is none",
        () => bind(Do, withTimeout(7 as never, 100)),
        { name: "TypeError", message: /^Cannot handle "thing\.do" with number: / },
      ],
      [
        "a class whose constructor takes something, without a container",
        () => handlers().on(Do, NeedsService) as never,
        {
          name: "TypeError",
          message: 'Cannot handle "thing.do" as the container does not know "NeedsService"',
        },
      ],
    ];

for (const [description, registry, error] of refusals) {
  Deno.test(`bootstrap() refuses ${description} and names the message`, () => {
    assert.throws(() => bootstrap(registry()), error);
  });
}

Deno.test("bootstrap() refuses a handler class that its container does not know, wherever it stands", () => {
  const options = { container: container() };
  const message = 'Cannot handle "thing.do" as the container does not know "NeedsService"';
  for (
    const handler of [
      NeedsService,
      fallback(() => {}, NeedsService),
      chain(() => {}, NeedsService),
      withRetry(withTimeout(NeedsService, 100)),
    ]
  ) {
    assert.throws(() => bootstrap(bind(Do, handler), options), { name: "TypeError", message });
  }
});

Deno.test("bootstrap() asks a container that cannot tell what it knows only when the class is needed", async () => {
  const services = {
    resolve: () => {
      throw new Error("Unknown");
    },
  };
  const app = bootstrap(handlers().on(Do, NeedsService), { container: services });
  await assert.rejects(app.send(Do()), { message: "Unknown" });
});

Deno.test("bootstrap() accepts two notifications with one wire type on two topics", () => {
  const Elsewhere = notification("thing.told.elsewhere", {
    topic: "elsewhere",
    wireType: "thing.told",
    data: type<number>(),
  });
  assert.doesNotThrow(() => bootstrap(handlers().on(Told, () => {}).on(Elsewhere, () => {})));
});

const outOfRange: readonly BootstrapOptions["eventHandling"][] = [
  { concurrency: 0 },
  { concurrency: -1 },
  { concurrency: 1.5 },
  { concurrency: NaN },
  { maxDepth: 0 },
  { maxDepth: 2.5 },
  { maxDepth: NaN },
];

for (const eventHandling of outOfRange) {
  const [[option, value] = []] = Object.entries(eventHandling ?? {});
  Deno.test(`bootstrap() refuses ${value} as "${option}"`, () => {
    assert.throws(() => bootstrap(handlers(), { eventHandling: eventHandling ?? {} }), {
      name: "RangeError",
      message: `Cannot bootstrap as "${option}" must be a positive integer or Infinity: ${value}`,
    });
  });
}

Deno.test("bootstrap() accepts Infinity for its limits", () => {
  const eventHandling = { concurrency: Infinity, maxDepth: Infinity };
  assert.doesNotThrow(() => bootstrap(handlers(), { eventHandling }));
});

Deno.test("bootstrap() builds and runs nothing by itself", () => {
  class Handler {
    constructor() {
      assert.fail("built");
    }
    handle(): void {}
  }
  bootstrap(handlers().use(() => assert.fail("run")).on(Do, Handler), {
    onStartup: [() => assert.fail("started")],
    container: { resolve: () => assert.fail("resolved"), createScope: () => assert.fail("opened") },
  });
});

Deno.test("two apps of one registry do not know of each other", async () => {
  let count = 0;
  const registry = handlers().on(Do, () => void count++);
  const first = bootstrap(registry);
  const second = bootstrap(registry);
  await first[Symbol.asyncDispose]();
  await second.send(Do());
  assert.equal(count, 1);
  await assert.rejects(first.send(Do()), { code: "app_closed" });
});
