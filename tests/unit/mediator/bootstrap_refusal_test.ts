import assert from "node:assert/strict";
import { bootstrap, command, handlers, streamRequest } from "../../../mod.ts";

const Work = command("work").returns<string>();
const Items = streamRequest("items").yields<number>();
const registry = handlers().on(Work, () => "worked");

Deno.test("bootstrap() refuses a scope strategy that it does not know", () => {
  // @ts-expect-error -- JavaScript can
  assert.throws(() => bootstrap(registry, { scope: "call" }), {
    name: "TypeError",
    message: /"scope" must be one of none, send, handler: call$/,
  });
});

Deno.test("bootstrap() refuses an error policy for events that it does not know", () => {
  // @ts-expect-error -- JavaScript can
  assert.throws(() => bootstrap(registry, { eventHandling: { onError: "ignore" } }), {
    name: "TypeError",
    message: /"onError" must be one of throw, isolate: ignore$/,
  });
});

Deno.test("on() without a handler is refused with an error that names the message", () => {
  // @ts-expect-error -- JavaScript can
  assert.throws(() => handlers().on(Work), { name: "TypeError", message: /"work"/ });
});

for (const nothing of [undefined, null, 1, {}]) {
  Deno.test(`use() of ${JSON.stringify(nothing)} is refused`, () => {
    // @ts-expect-error -- JavaScript can
    assert.throws(() => handlers().use(nothing), { name: "TypeError", message: /as a middleware/ });
  });
}

Deno.test("send() of a definition in place of its message rejects with an error that says what to do", async () => {
  // @ts-expect-error -- JavaScript can
  await assert.rejects(bootstrap(registry).send(Work), {
    name: "TypeError",
    message: /the definition "work"; call it to make a message/,
  });
});

for (const nothing of [undefined, null, "work", 1]) {
  Deno.test(`send() of ${JSON.stringify(nothing)} rejects with an error that names it`, async () => {
    // @ts-expect-error -- JavaScript can
    await assert.rejects(bootstrap(registry).send(nothing), {
      name: "TypeError",
      message: `Cannot handle ${nothing}`,
    });
  });
}

for (
  const [what, give] of [
    ["undefined", () => undefined],
    ["an array", () => [1, 2]],
    ["a promise", () => Promise.resolve()],
  ] as const
) {
  Deno.test(`stream() rejects with an error that names the message when its handler gives ${what}`, async () => {
    // @ts-expect-error -- JavaScript can
    const app = bootstrap(handlers().on(Items, give));
    await assert.rejects(app.stream(Items()).next(), {
      name: "TypeError",
      message: 'Cannot stream "items" as its handler gave no async iterable',
    });
    await app[Symbol.asyncDispose]();
  });
}
