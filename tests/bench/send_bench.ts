// deno-lint-ignore-file require-await -- what is measured are asynchronous handlers
import { bootstrap, command, handlers, type } from "@sluice/cqrs";

const Add = command("add", type<{ a: number; b: number }>()).returns<number>();

async function add({ a, b }: { a: number; b: number }): Promise<number> {
  return a + b;
}

const data = { a: 1, b: 2 };
const request = Add(data);
const app = bootstrap(handlers().on(Add, add));

Deno.bench({
  name: "an awaited call of the handler",
  group: "send, without middlewares or events",
  baseline: true,
  fn: async () => {
    await add(data);
  },
});

Deno.bench({
  name: "app.send(request)",
  group: "send, without middlewares or events",
  fn: async () => {
    await app.send(request);
  },
});

Deno.bench({
  name: "app.send(Add(data)): the message is made as well",
  group: "send, without middlewares or events",
  fn: async () => {
    await app.send(Add(data));
  },
});
