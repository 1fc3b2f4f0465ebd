import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  domainEvent,
  fallback,
  handlers,
  query,
  streamRequest,
  token,
  type,
  withRetry,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { unitOf, workshop } from "./workshop.ts";

const Do = command("do").returns<unknown>();
const Nested = query("nested").returns<unknown>();
const Items = streamRequest("items").yields<unknown>();
const Done = domainEvent("done", type<number>());

Deno.test('strategy "handler" gives each run a scope of its own, ended before what follows from it', async () => {
  const { services, log } = workshop();
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, context) => {
        log.push(`handler ${await unitOf(context)}`);
        context.emit(Done(1));
      })
      .on(Done, async (n, context) => void log.push(`event ${n} in ${await unitOf(context)}`)),
    { container: services, scope: "handler" },
  );
  await app.send(Do());
  assert.deepEqual(log, [
    "unit 1 made",
    "handler 1",
    "unit 1 ended",
    "unit 2 made",
    "event 1 in 2",
    "unit 2 ended",
  ]);
});

Deno.test('strategy "handler" ends the scope of a primary before its secondary begins', async () => {
  const { services, log } = workshop();
  const app = bootstrap(
    handlers().on(
      Do,
      fallback(async (_data, context) => {
        await unitOf(context);
        throw new Error("Away");
      }, (_data, context) => unitOf(context)),
    ),
    { container: services, scope: "handler" },
  );
  assert.equal(await app.send(Do()), 2);
  assert.deepEqual(log, ["unit 1 made", "unit 1 ended", "unit 2 made", "unit 2 ended"]);
});

Deno.test('strategy "handler" ends the scope of a streaming primary before its secondary begins', async () => {
  const { services, log } = workshop();
  const app = bootstrap(
    handlers().on(
      Items,
      fallback(async function* (_data, context) {
        if (await unitOf(context) > 0) throw new Error("Away");
        yield 0;
      }, async function* (_data, context) {
        yield await unitOf(context);
      }),
    ),
    { container: services, scope: "handler" },
  );
  assert.deepEqual(await Array.fromAsync(app.stream(Items())), [2]);
  assert.deepEqual(log, ["unit 1 made", "unit 1 ended", "unit 2 made", "unit 2 ended"]);
});

Deno.test('strategy "handler" ends the scope of an attempt before the next one begins', async () => {
  const { services, log } = workshop();
  const app = bootstrap(
    handlers().on(
      Do,
      withRetry(async (_data, context) => {
        const number = await unitOf(context);
        if (number < 2) throw new Error("Hiccup");
        return number;
      }, { backoff: () => 0 }),
    ),
    { container: services, scope: "handler" },
  );
  assert.equal(await app.send(Do()), 2);
  assert.deepEqual(log, ["unit 1 made", "unit 1 ended", "unit 2 made", "unit 2 ended"]);
});

Deno.test('strategy "handler" gives each link of a chain a scope of its own', async () => {
  const { services } = workshop();
  const app = bootstrap(
    handlers().on(
      Do,
      chain(
        async (_data, context) => {
          const mine = await unitOf(context);
          return [mine, await context.next(), await unitOf(context)];
        },
        (_data, context) => unitOf(context),
      ),
    ),
    { container: services, scope: "handler" },
  );
  assert.deepEqual(await app.send(Do()), [1, 2, 1]);
});

Deno.test('strategy "handler" gives a nested send a scope of its own', async () => {
  const { services } = workshop();
  const app = bootstrap(
    handlers()
      .on(Do, async (_data, context) => [await unitOf(context), await context.send(Nested())])
      .on(Nested, (_data, context) => unitOf(context)),
    { container: services, scope: "handler" },
  );
  assert.deepEqual(await app.send(Do()), [1, 2]);
});

Deno.test('strategy "none" opens no scope', async () => {
  const Plain = token<string>("plain");
  const services = container().provide(Plain, () => "plain");
  services.createScope = () => assert.fail("opened");
  const app = bootstrap(handlers().on(Do, (_data, { resolve }) => resolve(Plain)), {
    container: services,
    scope: "none",
  });
  assert.equal(await app.send(Do()), "plain");
});

Deno.test("scoped services cannot be resolved without scopes, which is said by name", async () => {
  const { services } = workshop();
  const app = bootstrap(handlers().on(Do, (_data, context) => unitOf(context)), {
    container: services,
    scope: "none",
  });
  await assert.rejects(app.send(Do()), {
    message: 'Cannot resolve "unit of work" outside of a scope as it is scoped',
  });
});
