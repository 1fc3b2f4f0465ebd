import { bootstrap, command, handlers, type } from "@sluice/cqrs";
import { idempotent } from "@sluice/cqrs/consumer";
import { routes } from "@sluice/cqrs/hono";
import { memoryStorage } from "@sluice/cqrs/storage";
import { Hono } from "hono";
import assert from "node:assert/strict";

const Pay = command("pay", type<{ cents: number }>()).returns<{ receipt: number }>();

function payments(beforeEnd: () => unknown = () => {}) {
  const storage = memoryStorage();
  let receipt = 0;
  const app = bootstrap(
    handlers().use(idempotent(storage, { isRequired: true, leaseMs: 7_500 })).on(Pay, async () => {
      receipt++;
      await beforeEnd();
      return { receipt };
    }),
  );
  const api = new Hono().post("/payments", routes(app).send(Pay));
  return (cents: number, key?: string) =>
    api.request("/payments", {
      method: "POST",
      headers: { "content-type": "application/json", ...key && { "Idempotency-Key": key } },
      body: JSON.stringify({ cents }),
    });
}

Deno.test("routes().send() answers a request with the same key as it did before", async () => {
  const pay = payments();
  for (const key of ["k1", '"k1"', "k1"]) {
    const response = await pay(5, key);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { receipt: 1 });
  }
  assert.deepEqual(await (await pay(5, "k2")).json(), { receipt: 2 });
});

Deno.test("routes().send() answers with 422 to other data under the same key", async () => {
  const pay = payments();
  await pay(5, "k1");
  const response = await pay(6, "k1");
  assert.equal(response.status, 422);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal((await response.json()).code, "idempotency_mismatch");
});

Deno.test("routes().send() answers with 409 and Retry-After while the same request is handled", async () => {
  const isBegun = Promise.withResolvers<void>();
  const isOver = Promise.withResolvers<void>();
  const pay = payments(() => {
    isBegun.resolve();
    return isOver.promise;
  });
  const first = pay(5, "k1");
  await isBegun.promise;
  const second = await pay(5, "k1");
  assert.equal(second.status, 409);
  assert.equal(second.headers.get("retry-after"), "8");
  assert.equal((await second.json()).code, "idempotency_running");
  isOver.resolve();
  assert.equal((await first).status, 200);
});

Deno.test("routes().send() answers with 400 where a key is needed and is none", async () => {
  const pay = payments();
  for (const key of [undefined, "", "x".repeat(256), "a b"]) {
    const response = await pay(5, key);
    assert.equal(response.status, 400, String(key));
    assert.equal((await response.json()).code, "idempotency_key_missing");
  }
});
