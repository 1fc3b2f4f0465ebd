import { bootstrap, handlers, streamRequest } from "@sluice/cqrs";

const Count = streamRequest("count").yields<number>();

async function* count(): AsyncGenerator<number> {
  for (let n = 0; n < 100_000; n++) yield n;
}

async function sum(items: AsyncIterable<number>): Promise<number> {
  let total = 0;
  for await (const item of items) total += item;
  return total;
}

const app = bootstrap(handlers().on(Count, count));

Deno.bench({
  name: "the bare async generator",
  group: "stream of 100,000 items",
  baseline: true,
  fn: async () => {
    await sum(count());
  },
});

Deno.bench({
  name: "app.stream(request)",
  group: "stream of 100,000 items",
  fn: async () => {
    await sum(app.stream(Count()));
  },
});
