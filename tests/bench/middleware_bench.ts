// deno-lint-ignore-file require-await -- what is measured are asynchronous handlers
import { bootstrap, command, handlers, type } from "@sluice/cqrs";

const Add = command("add", type<{ a: number; b: number }>()).returns<number>();

async function add({ a, b }: { a: number; b: number }): Promise<number> {
  return a + b;
}

type Next = () => Promise<unknown>;

const seen = { calls: 0, failures: 0, longestMs: 0 };

async function counting(_context: unknown, next: Next): Promise<unknown> {
  seen.calls++;
  return await next();
}

async function timing(_context: unknown, next: Next): Promise<unknown> {
  const startedMs = performance.now();
  const result = await next();
  seen.longestMs = Math.max(seen.longestMs, performance.now() - startedMs);
  return result;
}

async function failing(_context: unknown, next: Next): Promise<unknown> {
  try {
    return await next();
  } catch (error) {
    seen.failures++;
    throw error;
  }
}

async function empty(_context: unknown, next: Next): Promise<unknown> {
  return await next();
}

const data = { a: 1, b: 2 };
const request = Add(data);
const context = {};
const working = bootstrap(
  handlers().use(counting).use(timing).use(failing).on(Add, add),
);
// One and the same middleware is applied once, so the empty ones are three.
const idle = bootstrap(
  handlers().use((context, next) => empty(context, next)).use((context, next) =>
    empty(context, next)
  ).use((context, next) => empty(context, next)).on(Add, add),
);

Deno.bench({
  name: "a counter, a timer and a try, nested by hand",
  group: "send, with 3 middlewares that work",
  baseline: true,
  fn: async () => {
    await counting(context, () => timing(context, () => failing(context, () => add(data))));
  },
});

Deno.bench({
  name: "app.send(request)",
  group: "send, with 3 middlewares that work",
  fn: async () => {
    await working.send(request);
  },
});

Deno.bench({
  name: "3 empty functions, nested by hand",
  group: "send, with 3 empty middlewares",
  baseline: true,
  fn: async () => {
    await empty(context, () => empty(context, () => empty(context, () => add(data))));
  },
});

Deno.bench({
  name: "app.send(request)",
  group: "send, with 3 empty middlewares",
  fn: async () => {
    await idle.send(request);
  },
});
